import Foundation
import MimoFormats
import MimoTensor

/// Files that the tests need.
enum TestFiles {
  static let fixtures = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")

  /// Reference checkpoints that lie beside the package; nil where there are none.
  static let shared: URL? = {
    let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let places = [package.appending(path: "../shared"), package.appending(path: "../../shared")].map(\.standardized)
    return places.first { FileManager.default.fileExists(atPath: $0.appending(path: "golden").path) }
  }()

  static func fixture(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: fixtures.appending(path: path))) }
}

/// The content that the fixtures' tensors have.
func patternBytes(_ count: Int, dtype: DType) -> [UInt8] {
  (0..<count).map { UInt8(($0 * 37 + 11) & (dtype == .bool ? 1 : 63)) }
}
