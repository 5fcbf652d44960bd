import MimoParallel
import MimoTensor

/// Why a value on the command line can not be read, put after the option's name: "wants a whole number, not 'x'".
struct BadValue: Error {
  var reason: String
  init(_ reason: String) { self.reason = reason }
}

/// A type that an option's value can be read as.
protocol ArgumentValue {
  static func read(_ text: String) throws(BadValue) -> Self
}

extension String: ArgumentValue {
  static func read(_ text: String) throws(BadValue) -> String {
    guard !text.isEmpty else { throw BadValue("wants a value, not nothing") }
    return text
  }
}

/// A count of something: at least 1.
struct Count: ArgumentValue {
  var number: Int

  static func read(_ text: String) throws(BadValue) -> Count {
    guard let number = Int(text), !text.hasPrefix("+") else {
      throw BadValue("wants a whole number, not '\(text)'")
    }
    guard number >= 1 else { throw BadValue("is at least 1, not \(number)") }
    guard number <= ComponentLayout.mostRanks else { throw BadValue("is at most \(ComponentLayout.mostRanks)") }
    return Count(number: number)
  }
}

extension UInt64: ArgumentValue {
  static func read(_ text: String) throws(BadValue) -> UInt64 {
    guard let number = UInt64(text), !text.hasPrefix("+") else {
      throw BadValue("wants a whole number of at least 0, not '\(text)'")
    }
    return number
  }
}

extension ComponentRequest: ArgumentValue {
  static func read(_ text: String) throws(BadValue) -> ComponentRequest {
    do {
      return try ComponentRequest(parsing: text)
    } catch {
      // The parser's line already starts with the option's name and value.
      throw BadValue(String(error.description.dropFirst("--component ".count)))
    }
  }
}

/// One of a few words.
protocol Choice: ArgumentValue, CaseIterable, RawRepresentable where RawValue == String {}

extension Choice {
  static func read(_ text: String) throws(BadValue) -> Self {
    if let choice = Self(rawValue: text) { return choice }
    throw BadValue("is one of \(words), not '\(text)'")
  }

  /// "mimo, megatron, ranks, hf"
  static var words: String { allCases.map(\.rawValue).joined(separator: ", ") }
}

/// The dtype of a model's weights.
struct ModelDType: ArgumentValue {
  var dtype: DType

  static let words = "bfloat16, float16, float32"

  static func read(_ text: String) throws(BadValue) -> ModelDType {
    switch text {
    case "bfloat16", "bf16": ModelDType(dtype: .bf16)
    case "float16", "fp16", "f16": ModelDType(dtype: .f16)
    case "float32", "fp32", "f32": ModelDType(dtype: .f32)
    default: throw BadValue("is one of \(words), not '\(text)'")
    }
  }
}
