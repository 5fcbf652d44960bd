import MimoJSON
import MimoSystem
import MimoTensor

/// What an import remembers about a Hugging Face folder, so that an export can make the same folder again, byte for
/// byte, without the original at hand.
///
/// The tensors' bytes come from the checkpoint, the companions from copies beside it.
package struct SourceManifest: Sendable, Equatable {
  package static let schemaVersion = 1

  /// One safetensors file: all that its head is made of.
  package struct WeightFile: Sendable, Equatable {
    package var name: String
    /// In the order of their bytes.
    package var tensors: [TensorSpec]
    package var metadata: [SafeTensorsHeader.MetadataMember]?
    /// Spaces after the JSON of the head.
    package var padding: Int
    /// The JSON of the head, where another program than the safetensors library spelled it.
    package var foreignSpelling: [UInt8]?

    package init(
      name: String, tensors: [TensorSpec], metadata: [SafeTensorsHeader.MetadataMember]?, padding: Int,
      foreignSpelling: [UInt8]? = nil
    ) {
      self.name = name
      self.tensors = tensors
      self.metadata = metadata
      self.padding = padding
      self.foreignSpelling = foreignSpelling
    }

    /// The head and the bytes before the first tensor, as they were in the source.
    package func header() throws(MimoError) -> (header: SafeTensorsHeader, bytes: [UInt8]) {
      guard let foreignSpelling else {
        return try SafeTensorsHeader.lay(out: tensors, metadata: metadata, padding: padding, path: name)
      }
      var size = 8 + UInt64(foreignSpelling.count) + UInt64(padding)
      for tensor in tensors { size &+= UInt64(tensor.byteCount ?? 0) }
      let header = try foreignSpelling.withUnsafeBytes { buffer in
        capture { () throws(MimoError) in
          try SafeTensorsHeader.parse(json: buffer, spacesAfter: padding, fileSize: size, path: name)
        }
      }.get()
      guard header.tensors == tensors else {
        throw MimoError(.invalidInput, "head kept from the source does not fit the tensors listed", path: name)
      }
      return (header, header.encoded())
    }
  }

  /// How the index was written.
  package enum Index: Sendable, Equatable {
    /// In the common form; the tensors come from the weight files.
    case common(metadata: JSONValue?, order: Order, newlineAtEnd: Bool)
    /// In a form of its own, kept whole.
    case foreign(text: String)
  }

  /// Order of the tensors in the index.
  package enum Order: String, Sendable, CaseIterable {
    case byName
    /// File by file, in the order of the bytes.
    case byFile
  }

  package var files: [WeightFile]
  /// nil when the source had none.
  package var index: Index?
  package var companions: [HuggingFaceFolder.Companion]
  /// Tensors that differed from the ones that they are tied to, so that these can not bring them back.
  package var leftOut: [String] = []

  package init(files: [WeightFile], index: Index?, companions: [HuggingFaceFolder.Companion]) {
    self.files = files
    self.index = index
    self.companions = companions
  }

  package init(_ folder: HuggingFaceFolder) {
    files = folder.files.map { file in
      WeightFile(
        name: file.name, tensors: file.header.tensors, metadata: file.header.metadata, padding: file.header.padding,
        foreignSpelling: file.header.foreignSpelling)
    }
    companions = folder.companions
    index = nil
    if folder.unnamed.isEmpty, let parsed = folder.index, let text = folder.indexText {
      index = form(of: parsed, text)
    } else if files.count > 1 {
      // An index that lacks files, or none: what is made of them has a right one.
      let right = HuggingFaceIndex(files: files.map { ($0.name, $0.tensors) })
      index = .common(
        metadata: right.metadata, order: .byName, newlineAtEnd: folder.indexText?.last == UInt8(ascii: "\n"))
    }
  }

  /// The bytes of the index as they were in the source; nil when it had none.
  package func indexBytes() -> [UInt8]? {
    switch index {
    case nil: nil
    case .foreign(let text): Array(text.utf8)
    case .common(let metadata, let order, let newline):
      HuggingFaceIndex(metadata: metadata, entries: entries(order)).encoded(newlineAtEnd: newline)
    }
  }

  /// The common form that gives exactly `text`, or the text itself.
  private func form(of parsed: HuggingFaceIndex, _ text: [UInt8]) -> Index {
    let newline = text.last == UInt8(ascii: "\n")
    for order in Order.allCases where parsed.entries == entries(order) && parsed.encoded(newlineAtEnd: newline) == text
    {
      return .common(metadata: parsed.metadata, order: order, newlineAtEnd: newline)
    }
    // It was parsed, so all of it is UTF-8.
    return .foreign(text: String(decoding: text, as: UTF8.self))
  }

  private func entries(_ order: Order) -> [HuggingFaceIndex.Entry] {
    let entries = files.flatMap { file in
      file.tensors.map { HuggingFaceIndex.Entry(tensor: $0.name, file: file.name) }
    }
    return order == .byName ? HuggingFaceIndex.sorted(entries) : entries
  }
}
