import MimoChecksum
import MimoJSON
import MimoSystem

/// A report as a head and its long lists: those of schema 2 have a line for each entry, so that never more than one is a tree
/// in memory. Of a trillion parameters the lists have a hundred thousand entries.
package struct ReportLines {
  package enum List: String, CaseIterable {
    case files, sources, targets
  }

  /// All but the lists; of a report without lines all of it.
  let head: JSONValue
  /// It ends with the digest of all that stands before.
  let isSealed: Bool
  private let bytes: [UInt8]
  private let path: String
  private var lists: [(list: List, lines: Range<Int>)] = []

  init(_ bytes: [UInt8], path: String) throws(MimoError) {
    self.bytes = bytes
    self.path = path
    let seal = ReportFile.seal(0).count
    isSealed = ReportLines.isSealed(bytes, by: seal)
    guard isSealed else {
      head = try JSONParser.parse(bytes, path: path)
      return
    }
    var kept: [UInt8] = []
    var current: (list: List, start: Int)?
    var start = 0
    let end = bytes.count - seal
    while start < end {
      let stop = bytes[start..<end].firstIndex(of: UInt8(ascii: "\n")) ?? end
      let line = bytes[start..<stop]
      if let (list, first) = current {
        if line.first == UInt8(ascii: " "), line.dropFirst().first == UInt8(ascii: "]") {
          lists.append((list, first..<start))
          current = nil
        }
      } else if let list = ReportLines.list(begunBy: line) {
        current = (list, stop + 1)
      } else if ReportLines.emptyList(line) == nil {
        kept += line
        kept.append(UInt8(ascii: "\n"))
      }
      start = stop + 1
    }
    // What follows the last line of the head was taken out.
    while let last = kept.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: ",") { kept.removeLast() }
    head = try JSONParser.parse(kept + [UInt8(ascii: "}")], path: path)
  }

  private static func isSealed(_ bytes: [UInt8], by count: Int) -> Bool {
    guard bytes.count > count else { return false }
    let crc = bytes.withUnsafeBytes { mimo_crc64(0, $0.baseAddress, $0.count - count) }
    return bytes.suffix(count).elementsEqual(ReportFile.seal(crc))
  }

  /// Calls `body` with each entry of these lists, list by list.
  func forEach(in wanted: Set<List>, _ body: (List, JSONValue) throws(MimoError) -> Void) throws(MimoError) {
    guard isSealed else {
      for list in List.allCases where wanted.contains(list) {
        for json in head[list.rawValue]?.array ?? [] { try body(list, json) }
      }
      return
    }
    for (list, range) in lists where wanted.contains(list) {
      var start = range.lowerBound
      while start < range.upperBound {
        let stop = bytes[start..<range.upperBound].firstIndex(of: UInt8(ascii: "\n")) ?? range.upperBound
        let end = stop > start && bytes[stop - 1] == UInt8(ascii: ",") ? stop - 1 : stop
        try body(list, try entry(start..<end))
        start = stop + 1
      }
    }
  }

  private func entry(_ range: Range<Int>) throws(MimoError) -> JSONValue {
    try bytes.withUnsafeBytes { buffer in
      capture { () throws(MimoError) in
        try JSONParser.parse(UnsafeRawBufferPointer(rebasing: buffer[range]), path: path)
      }
    }.get()
  }

  private static func list(begunBy line: ArraySlice<UInt8>) -> List? {
    List.allCases.first { line.elementsEqual(" \"\($0.rawValue)\": [".utf8) }
  }

  private static func emptyList(_ line: ArraySlice<UInt8>) -> List? {
    List.allCases.first { list in
      line.elementsEqual(" \"\(list.rawValue)\": []".utf8) || line.elementsEqual(" \"\(list.rawValue)\": [],".utf8)
    }
  }
}
