import Glibc
import MimoSystem
import MimoTensor

extension SafeTensorsHeader {
  /// Reads and checks the head of a file.
  package static func parse(_ file: File) throws(MimoError) -> SafeTensorsHeader {
    try parse(PosixByteSource(file))
  }

  /// Reads and checks the head of what may be a safetensors file.
  package static func parse(_ source: some ByteSource) throws(MimoError) -> SafeTensorsHeader {
    guard source.size >= 8 else {
      throw MimoError(
        .invalidInput, "no safetensors file: \(source.size) bytes, not even a header length", path: source.path, byte: 0,
        remedy: "Copy or download it again")
    }
    var prefix: UInt64 = 0
    try withUnsafeMutableBytes(of: &prefix) { buffer in
      capture { () throws(MimoError) in try source.read(into: buffer, at: 0) }
    }.get()
    let length = UInt64(littleEndian: prefix)
    try check(length: length, fileSize: source.size, path: source.path)

    try InputMemory.check(length, times: bytesOfEntries, path: source.path)
    let buffer = try RawMemory.allocate(Int(length))
    defer { RawMemory.free(buffer) }
    try source.read(into: buffer, at: 8)
    return try parse(json: UnsafeRawBufferPointer(buffer), spacesAfter: 0, fileSize: source.size, path: source.path)
  }

  /// Bytes of entries that a byte of a head becomes at most.
  private static let bytesOfEntries = 12

  private static func check(length: UInt64, fileSize: UInt64, path: String?) throws(MimoError) {
    guard length <= lengthLimit else {
      throw MimoError(
        .invalidInput, "no safetensors file: header length \(length) is above the limit of \(lengthLimit)", path: path,
        byte: 0, remedy: "Check that this is a safetensors file")
    }
    guard length <= fileSize - 8 else {
      throw MimoError(
        .invalidInput, "header of \(length) bytes reaches beyond the end of the file (\(fileSize) bytes)", path: path,
        byte: 0, remedy: "The file was cut short: copy or download it again")
    }
    guard length >= 2 else {
      throw MimoError(.invalidInput, "header length \(length) is too small for any header", path: path, byte: 0)
    }
  }

  /// Checks the JSON of a head whose file has `fileSize` bytes.
  ///
  /// - Parameter spacesAfter: spaces that follow the JSON in the file, besides those in it: they need not be in memory.
  package static func parse(
    json: UnsafeRawBufferPointer, spacesAfter: Int, fileSize: UInt64, path: String?
  ) throws(MimoError) -> SafeTensorsHeader {
    var reader = SafeTensorsHeaderReader(json, path: path)
    let content = try reader.read()
    let dataStart = 8 + UInt64(json.count) + UInt64(spacesAfter)
    try checkCoverage(content.tensors, dataStart: dataStart, fileSize: fileSize, path: path)

    // Trailing white space other than spaces belongs to the spelling, not to the padding.
    var end = json.count
    while end > 0, json[end - 1] == UInt8(ascii: " ") { end -= 1 }
    let tensors = content.tensors.map(\.spec)
    let ends = content.tensors.map(\.range.upperBound)
    let spelling = spelling(tensors, ends: ends, metadata: content.metadata)
    let isOwn = spelling.count == end && spelling.withUnsafeBytes { equalBytes($0, json, count: end) }
    return SafeTensorsHeader(
      entries: content.tensors.map { tensor in
        SafeTensorsEntry(
          spec: tensor.spec,
          range: (dataStart + tensor.range.lowerBound)..<(dataStart + tensor.range.upperBound))
      },
      metadata: content.metadata, padding: json.count - end + spacesAfter, foreignSpelling: isOwn ? nil : Array(json[..<end]),
      dataStart: dataStart)
  }

  private static func equalBytes(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer, count: Int) -> Bool {
    guard let a = a.baseAddress, let b = b.baseAddress else { return count == 0 }
    return memcmp(a, b, count) == 0
  }

  /// The tensors, in the order of their bytes, must fill the file without hole or overlap.
  private static func checkCoverage(
    _ tensors: [SafeTensorsHeaderReader.Tensor], dataStart: UInt64, fileSize: UInt64, path: String?
  ) throws(MimoError) {
    var end: UInt64 = 0
    for (position, tensor) in tensors.enumerated() {
      let begin = tensor.range.lowerBound
      guard begin == end else {
        let (byte, overflow) = dataStart.addingReportingOverflow(min(begin, end))
        let before = position == 0 ? "the beginning of the data" : "tensor \(tensors[position - 1].spec.name)"
        throw MimoError(
          .invalidInput,
          begin > end ? "\(begin - end) bytes between it and \(before) belong to no tensor" : "overlaps \(before)",
          path: path, tensor: tensor.spec.name, byte: overflow ? nil : byte,
          remedy: "The file is damaged or was written wrongly: get it again")
      }
      end = tensor.range.upperBound
    }
    let available = fileSize - dataStart
    guard end == available else {
      throw MimoError(
        .invalidInput,
        end > available
          ? "tensors end \(end - available) bytes beyond the end of the file"
          : "\(available - end) bytes after the last tensor belong to none",
        path: path, tensor: tensors.last?.spec.name, byte: dataStart + min(end, available),
        remedy: "The file was cut short or is damaged: copy or download it again")
    }
  }
}
