import Foundation

/// Every file of a checkpoint by its path, but for the report, which tells how it was made.
func folderBytes(_ root: String) throws -> [String: Data] {
  var files: [String: Data] = [:]
  for path in try FileManager.default.subpathsOfDirectory(atPath: root) where !path.hasSuffix("conversion_report.json") {
    let kind = try FileManager.default.attributesOfItem(atPath: "\(root)/\(path)")[.type] as? FileAttributeType
    if kind == .typeRegular { files[path] = try Data(contentsOf: URL(filePath: "\(root)/\(path)")) }
  }
  return files
}
