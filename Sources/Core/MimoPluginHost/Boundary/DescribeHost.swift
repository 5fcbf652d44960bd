import PluginABI

/// The C functions that a plugin calls while it describes a model; each one finds its session and does the work there.
package enum DescribeHost {
  package static var table: mimo_host {
    var host = mimo_host()
    host.struct_size = UInt32(MemoryLayout<mimo_host>.size)
    host.abi = MIMO_ABI_VERSION
    setModel(&host)
    setGraph(&host)
    setLayout(&host)
    setFiles(&host)
    return host
  }
}
