import Foundation
import MimoContainers
import MimoSystem
import MimoTensor

/// Files that the tests need.
enum TestFiles {
  private static let here = URL(filePath: #filePath).deletingLastPathComponent()
  static let fixtures = here.appending(path: "Fixtures")

  /// Reference checkpoints, which may lie beside the package; nil where they do not.
  static let shared: URL? = {
    let place = here.deletingLastPathComponent().deletingLastPathComponent().appending(path: "../shared").standardized
    return FileManager.default.fileExists(atPath: place.appending(path: "golden").path) ? place : nil
  }()

  static func fixture(_ path: String) throws -> [UInt8] { try bytes(fixtures.appending(path: path)) }

  static func bytes(_ file: URL) throws -> [UInt8] { Array(try Data(contentsOf: file)) }

  /// Folders below `root` that have a `.metadata`.
  static func checkpoints(below root: URL?) -> [String] {
    guard let root, let walk = FileManager.default.enumerator(atPath: root.path) else { return [] }
    return walk.compactMap { $0 as? String }.filter { $0.hasSuffix("/.metadata") }.map { String($0.dropLast(10)) }
      .sorted()
  }
}

/// A folder that goes away with its owner.
final class TemporaryFolder {
  let url: URL
  var path: String { url.path }

  init() throws {
    url = FileManager.default.temporaryDirectory.appending(path: "mimo-formats-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func write(_ bytes: [UInt8], _ name: String) throws { try Data(bytes).write(to: url.appending(path: name)) }
}

/// The content that the fixtures' tensors have.
func patternBytes(_ count: Int, dtype: DType) -> [UInt8] {
  (0..<count).map { UInt8(($0 * 37 + 11) & (dtype == .bool ? 1 : 63)) }
}

extension DistCheckpoint {
  /// A whole tensor in row-major order, put together from its chunks.
  func assembled(_ tensor: DistTensor) throws -> [UInt8] {
    let width = tensor.dtype.byteWidth ?? 0
    var result = [UInt8](repeating: 0xEE, count: (tensor.shape.elementCount ?? 0) * width)
    let strides = rowMajorStrides(tensor.shape.dims)
    for chunk in tensor.chunks {
      let source = try source(chunk.file)
      let stored = try payload(of: chunk, of: tensor, in: source)
      for place in 0..<chunk.region.volume {
        var (rest, from, to) = (place, 0, 0)
        for dim in (0..<chunk.region.rank).reversed() {
          let index = rest % chunk.region.extent[dim]
          rest /= chunk.region.extent[dim]
          from += index * stored.strides[dim]
          to += (chunk.region.offset[dim] + index) * strides[dim]
        }
        if place == 0 || !stored.isContiguous {
          let bytes = try source.bytes(at: stored.offset + UInt64(from * width), count: width)
          result.replaceSubrange(to * width..<(to + 1) * width, with: bytes)
        }
      }
      guard stored.isContiguous, chunk.region.volume > 0 else { continue }
      let bytes = try source.bytes(at: stored.offset, count: chunk.region.volume * width)
      let row = tensor.shape.rank == 0 ? 1 : chunk.region.extent[chunk.region.rank - 1]
      for start in stride(from: 0, to: chunk.region.volume, by: row) {
        var (rest, to) = (start, 0)
        for dim in (0..<chunk.region.rank).reversed() {
          to += (chunk.region.offset[dim] + rest % chunk.region.extent[dim]) * strides[dim]
          rest /= chunk.region.extent[dim]
        }
        result.replaceSubrange(to * width..<(to + row) * width, with: bytes[start * width..<(start + row) * width])
      }
    }
    return result
  }
}
