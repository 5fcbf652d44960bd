import MimoJSON
import MimoSystem
import MimoTensor

extension SourceManifest {
  /// Reads what `encoded` wrote; names that could lead out of a folder are refused.
  package static func decode(_ bytes: [UInt8], path: String) throws(MimoError) -> SourceManifest {
    let root = Field(try JSONParser.parse(bytes, path: path), "manifest", path)
    let version = try root.member("schema_version").integer()
    guard version == schemaVersion else {
      throw MimoError(
        .unsupported, "manifest has schema version \(version), this version reads \(schemaVersion)", path: path,
        remedy: "Use the version of mimo-host that wrote it")
    }
    var files: [WeightFile] = []
    var padding = 0
    for field in try root.member("files").items() {
      files.append(try weightFile(field))
      padding += files[files.count - 1].padding
      guard padding <= SafeTensorsHeader.lengthLimit else { throw field.failure("padding of all files is too large") }
    }
    var companions: [HuggingFaceFolder.Companion] = []
    for field in try root.member("companions").items() {
      let size = try field.member("size").integer()
      companions.append(.init(path: try field.member("path").relativePath(), size: UInt64(size)))
    }
    var manifest = SourceManifest(files: files, index: try index(root.member("index")), companions: companions)
    guard try root.object()["left_out"] != nil else { return manifest }
    for name in try root.member("left_out").items() { manifest.leftOut.append(try name.string()) }
    return manifest
  }

  private static func weightFile(_ field: Field) throws(MimoError) -> WeightFile {
    var metadata: [SafeTensorsHeader.MetadataMember]?
    let stored = try field.member("metadata")
    if !stored.value.isNull {
      var members: [SafeTensorsHeader.MetadataMember] = []
      for key in try stored.object().keys { members.append(.init(key, try stored.member(key).string())) }
      metadata = members
    }
    var tensors: [TensorSpec] = []
    for tensor in try field.member("tensors").items() { tensors.append(try spec(tensor)) }
    let padding = try field.member("padding").integer()
    guard padding <= SafeTensorsHeader.lengthLimit else { throw field.failure("padding is too large") }
    let spelling = try field.object()["header"] == nil ? nil : Array(try field.member("header").string().utf8)
    return WeightFile(
      name: try field.member("name").fileName(), tensors: tensors, metadata: metadata, padding: padding,
      foreignSpelling: spelling)
  }

  private static func spec(_ field: Field) throws(MimoError) -> TensorSpec {
    let dtypeName = try field.member("dtype").string()
    guard let dtype = DType(rawValue: dtypeName) else { throw field.failure("unknown dtype \"\(dtypeName)\"") }
    var dims: [Int] = []
    for extent in try field.member("shape").items() { dims.append(try extent.integer()) }
    guard let vector = DimVector(exactly: dims) else {
      throw field.failure("shape has more than \(DimVector.capacity) dimensions")
    }
    let spec = TensorSpec(name: try field.member("name").string(), dtype: dtype, shape: GlobalShape(vector))
    guard spec.byteCount != nil else { throw field.failure("shape \(vector) of \(dtypeName) has no size in bytes") }
    return spec
  }

  private static func index(_ field: Field) throws(MimoError) -> Index? {
    if field.value.isNull { return nil }
    let object = try field.object()
    if object["text"] != nil { return .foreign(text: try field.member("text").string()) }
    let name = try field.member("order").string()
    guard let order = Order(rawValue: name) else { throw field.failure("unknown order \"\(name)\"") }
    guard let newline = try field.member("newline_at_end").value.bool else {
      throw field.failure("newline_at_end is not a boolean")
    }
    return .common(metadata: object["metadata"], order: order, newlineAtEnd: newline)
  }
}

/// A value of the manifest that knows its name, for errors.
private struct Field {
  let value: JSONValue
  let name: String
  let path: String

  init(_ value: JSONValue, _ name: String, _ path: String) {
    self.value = value
    self.name = name
    self.path = path
  }

  func failure(_ message: String) -> MimoError {
    MimoError(.invalidInput, "\(name): \(message)", path: path, remedy: "The manifest is damaged: import again")
  }

  func object() throws(MimoError) -> JSONObject {
    guard let object = value.object else { throw failure("is \(value.kind), not an object") }
    return object
  }

  func member(_ key: String) throws(MimoError) -> Field {
    guard let member = try object()[key] else { throw failure("\(key) is missing") }
    return Field(member, "\(name).\(key)", path)
  }

  func items() throws(MimoError) -> [Field] {
    guard let items = value.array else { throw failure("is \(value.kind), not an array") }
    return items.map { Field($0, name, path) }
  }

  func string() throws(MimoError) -> String {
    guard let string = value.string else { throw failure("is \(value.kind), not a string") }
    return string
  }

  func integer() throws(MimoError) -> Int {
    guard let integer = value.integer, integer >= 0 else { throw failure("is no integer from 0 on") }
    return integer
  }

  /// A plain name.
  func fileName() throws(MimoError) -> String {
    let name = try relativePath()
    guard !name.utf8.contains(UInt8(ascii: "/")) else { throw failure("\"\(name)\" is no plain file name") }
    return name
  }

  /// A path that stays inside the folder.
  func relativePath() throws(MimoError) -> String {
    let text = try string()
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard !text.utf8.contains(0), parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }) else {
      throw failure("\"\(text)\" is no path inside the folder")
    }
    return text
  }
}
