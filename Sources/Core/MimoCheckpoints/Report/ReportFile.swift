import MimoSystem

/// The file that says what a folder was made from.
package enum ReportFile {
  package static let name = "conversion_report.json"

  /// Version of the file's form.
  package static let schemaVersion = 2

  /// The end of a report, given the digest of what stands before it. A changed report would check nothing, or raise a false alarm.
  package static func seal(_ crc: UInt64) -> [UInt8] { Array(",\n \"crc64\": \"\(hex(crc))\"\n}\n".utf8) }
}
