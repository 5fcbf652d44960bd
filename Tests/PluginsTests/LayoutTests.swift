import Foundation
import PluginABI
import Testing

/// The byte layout that ABI 1 promises, seen from Swift.
struct LayoutTests {
  /// `struct member offset size` of the committed manifest; `struct - alignment size` for the struct itself.
  static func manifest() throws -> [String] {
    let file = Places.package.appending(path: "Sources/PluginABI/layout.txt")
    return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map(String.init)
      .filter { !$0.hasPrefix("#") }
  }

  @Test func structsHaveTheCommittedSizesAndAlignments() throws {
    let committed = try Self.manifest().filter { $0.contains(" - ") }
    let seen = [
      row("mimo_string", mimo_string.self), row("mimo_kernel", mimo_kernel.self),
      row("mimo_segment", mimo_segment.self), row("mimo_target", mimo_target.self),
      row("mimo_state_entry", mimo_state_entry.self), row("mimo_value", mimo_value.self),
      row("mimo_encoding", mimo_encoding.self), row("mimo_host", mimo_host.self), row("mimo_component", mimo_component.self),
      row("mimo_plugin", mimo_plugin.self), row("mimo_offer", mimo_offer.self), row("mimo_answer", mimo_answer.self),
    ]
    #expect(Set(seen) == Set(committed))
  }

  @Test func membersHaveTheCommittedOffsets() throws {
    let committed = try Self.manifest().filter { !$0.contains(" - ") }.map { line in
      line.split(separator: " ").prefix(3).joined(separator: " ")
    }
    #expect(Set(Self.members.compactMap { $0 }) == Set(committed))
    #expect(Self.members.count == committed.count)
  }

  /// Nobody may change the numbers in the header without the manifest, or the other way round.
  @Test func headerAssertsWhatTheManifestSays() throws {
    let header = Places.header.appending(path: "mimo_plugin_layout.h")
    let asserted = try String(contentsOf: header, encoding: .utf8).split(separator: "\n").compactMap {
      line -> String? in
      guard line.hasPrefix("MIMO_LAYOUT_MEMBER(") || line.hasPrefix("MIMO_LAYOUT_STRUCT(") else { return nil }
      let isStruct = line.hasPrefix("MIMO_LAYOUT_STRUCT(")
      var words = line.dropFirst(19).dropLast(2).split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
      if isStruct { words.insert("-", at: 1) }
      return words.joined(separator: " ")
    }
    #expect(try asserted == Self.manifest())
  }

  private func row<Row>(_ name: String, _ type: Row.Type) -> String {
    "\(name) - \(MemoryLayout<Row>.alignment) \(MemoryLayout<Row>.size)"
  }

  private static func member<Row>(_ name: String, _ path: PartialKeyPath<Row>) -> String? {
    MemoryLayout<Row>.offset(of: path).map { "\(Row.self) \(name) \($0)" }
  }

  private static let members: [String?] = [
    member("data", \mimo_string.data),
    member("length", \mimo_string.length),
    member("struct_size", \mimo_kernel.struct_size),
    member("kind", \mimo_kernel.kind),
    member("value", \mimo_kernel.value),
    member("struct_size", \mimo_segment.struct_size),
    member("flags", \mimo_segment.flags),
    member("name", \mimo_segment.name),
    member("extent", \mimo_segment.extent),
    member("unit", \mimo_segment.unit),
    member("unit_name", \mimo_segment.unit_name),
    member("struct_size", \mimo_target.struct_size),
    member("component", \mimo_target.component),
    member("name", \mimo_target.name),
    member("key", \mimo_target.key),
    member("node", \mimo_target.node),
    member("kind", \mimo_target.kind),
    member("dtype", \mimo_target.dtype),
    member("stage", \mimo_target.stage),
    member("layer", \mimo_target.layer),
    member("layer_count", \mimo_target.layer_count),
    member("expert", \mimo_target.expert),
    member("expert_count", \mimo_target.expert_count),
    member("split", \mimo_target.split),
    member("split_dim", \mimo_target.split_dim),
    member("segments", \mimo_target.segments),
    member("segment_count", \mimo_target.segment_count),
    member("segment_stride", \mimo_target.segment_stride),
    member("flags", \mimo_target.flags),
    member("reserved", \mimo_target.reserved),
    member("struct_size", \mimo_state_entry.struct_size),
    member("component", \mimo_state_entry.component),
    member("key", \mimo_state_entry.key),
    member("layer", \mimo_state_entry.layer),
    member("layer_count", \mimo_state_entry.layer_count),
    member("expert", \mimo_state_entry.expert),
    member("expert_count", \mimo_state_entry.expert_count),
    member("struct_size", \mimo_value.struct_size),
    member("kind", \mimo_value.kind),
    member("integer", \mimo_value.integer),
    member("number", \mimo_value.number),
    member("text", \mimo_value.text),
    member("integers", \mimo_value.integers),
    member("count", \mimo_value.count),
    member("struct_size", \mimo_encoding.struct_size),
    member("kind", \mimo_encoding.kind),
    member("name", \mimo_encoding.name),
    member("codes", \mimo_encoding.codes),
    member("scales", \mimo_encoding.scales),
    member("dims", \mimo_encoding.dims),
    member("rank", \mimo_encoding.rank),
    member("reserved", \mimo_encoding.reserved),
    member("block_rows", \mimo_encoding.block_rows),
    member("block_columns", \mimo_encoding.block_columns),
    member("struct_size", \mimo_host.struct_size),
    member("abi", \mimo_host.abi),
    member("config_kind", \mimo_host.config_kind),
    member("config_count", \mimo_host.config_count),
    member("config_int", \mimo_host.config_int),
    member("config_float", \mimo_host.config_float),
    member("config_bool", \mimo_host.config_bool),
    member("config_string", \mimo_host.config_string),
    member("architecture", \mimo_host.architecture),
    member("source_state", \mimo_host.source_state),
    member("source_shape", \mimo_host.source_shape),
    member("option", \mimo_host.option),
    member("source", \mimo_host.source),
    member("concat", \mimo_host.concat),
    member("narrow", \mimo_host.narrow),
    member("reshape", \mimo_host.reshape),
    member("permute", \mimo_host.permute),
    member("pad", \mimo_host.pad),
    member("map", \mimo_host.map),
    member("target", \mimo_host.target),
    member("alias", \mimo_host.alias),
    member("state_entry", \mimo_host.state_entry),
    member("drop", \mimo_host.drop),
    member("tie", \mimo_host.tie),
    member("provider", \mimo_host.provider),
    member("provider_field", \mimo_host.provider_field),
    member("config_override", \mimo_host.config_override),
    member("fail", \mimo_host.fail),
    member("zeros", \mimo_host.zeros),
    member("decode", \mimo_host.decode),
    member("struct_size", \mimo_component.struct_size),
    member("reserved", \mimo_component.reserved),
    member("name", \mimo_component.name),
    member("source_prefix", \mimo_component.source_prefix),
    member("modality_key", \mimo_component.modality_key),
    member("target_module_path", \mimo_component.target_module_path),
    member("struct_size", \mimo_plugin.struct_size),
    member("abi", \mimo_plugin.abi),
    member("family", \mimo_plugin.family),
    member("version", \mimo_plugin.version),
    member("architectures", \mimo_plugin.architectures),
    member("architecture_count", \mimo_plugin.architecture_count),
    member("components", \mimo_plugin.components),
    member("component_count", \mimo_plugin.component_count),
    member("component_stride", \mimo_plugin.component_stride),
    member("layouts", \mimo_plugin.layouts),
    member("layout_count", \mimo_plugin.layout_count),
    member("describe", \mimo_plugin.describe),
    member("extension", \mimo_plugin.extension),
    member("struct_size", \mimo_offer.struct_size),
    member("abi_min", \mimo_offer.abi_min),
    member("abi_max", \mimo_offer.abi_max),
    member("reserved", \mimo_offer.reserved),
    member("host_version", \mimo_offer.host_version),
    member("struct_size", \mimo_answer.struct_size),
    member("abi", \mimo_answer.abi),
    member("plugin", \mimo_answer.plugin),
    member("refusal", \mimo_answer.refusal),
  ]
}
