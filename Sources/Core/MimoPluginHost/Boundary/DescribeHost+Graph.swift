import MimoMapping
import MimoSystem
import MimoTensor
import PluginABI

/// The mapping graph.
extension DescribeHost {
  static func setGraph(_ host: inout mimo_host) {
    host.source = { handle, name, rank, dims, published in
      DescribeHost.node(handle) { () throws(MimoError) in
        let name = try BoundaryReader.name(name, "a source's name")
        let shape = try BoundaryReader.shape(rank, dims, name)
        return .source(name, shape, published: try BoundaryReader.dtype(published, name))
      }
    }
    host.decode = { handle, encoding in
      DescribeHost.node(handle) { () throws(MimoError) in
        let row = try BoundaryReader.checked(encoding, "an encoding")
        let name = try BoundaryReader.name(row.name, "an encoded source's name")
        let shape = try BoundaryReader.shape(row.rank, row.dims, name)
        return .decode(name, shape, try DescribeHost.encoding(row, name))
      }
    }
    host.concat = { handle, dim, nodes, count in
      DescribeHost.node(handle) { () throws(MimoError) in
        let ids = try BoundaryReader.values(nodes, count: count, "the nodes of concat")
        return .concat(ids.map { Int($0) }, dim: Int(dim))
      }
    }
    host.narrow = { handle, input, dim, start, length in
      DescribeHost.node(handle) { .narrow(Int(input), dim: Int(dim), start: Int(start), length: Int(length)) }
    }
    host.reshape = { handle, input, rank, dims in
      DescribeHost.node(handle) { () throws(MimoError) in
        .reshape(Int(input), try BoundaryReader.shape(rank, dims, "reshape"))
      }
    }
    host.permute = { handle, input, rank, order in
      DescribeHost.node(handle) { () throws(MimoError) in
        guard rank <= MIMO_MAX_RANK else { throw BoundaryReader.broken("permute with rank \(rank)") }
        let order = try BoundaryReader.values(order, count: Int(rank), "the order of permute")
        return .permute(Int(input), order: order.map { Int($0) })
      }
    }
    host.pad = { handle, input, dim, extent in
      DescribeHost.node(handle) { .pad(Int(input), dim: Int(dim), extent: Int(extent)) }
    }
    host.map = { handle, input, kernel in
      DescribeHost.node(handle) { () throws(MimoError) in
        .map(Int(input), try DescribeHost.element(try BoundaryReader.checked(kernel, "a kernel")))
      }
    }
    host.zeros = { handle, rank, dims in
      DescribeHost.node(handle) { () throws(MimoError) in
        .zeros(try BoundaryReader.shape(rank, dims, "zeros"))
      }
    }
  }

  private static func node(
    _ handle: OpaquePointer?, _ declaration: () throws(MimoError) -> Declaration
  ) -> mimo_node {
    DescribeSession.declare(handle, failed: MIMO_NO_NODE) { (session) throws(MimoError) in
      session.record(node: try declaration())
    }
  }

  private static func encoding(_ row: mimo_encoding, _ name: String) throws(MimoError) -> Encoding {
    let form: Encoding.Form
    switch row.kind {
    case MIMO_ENCODING_FP8_BLOCK: form = .fp8Block(rows: Int(row.block_rows), columns: Int(row.block_columns))
    case MIMO_ENCODING_MXFP4: form = .mxfp4
    default: throw BoundaryReader.broken("\(name) has the unknown encoding \(row.kind)")
    }
    return Encoding(
      form, codes: try BoundaryReader.name(row.codes, "the codes of \(name)"),
      scales: try BoundaryReader.name(row.scales, "the scales of \(name)"))
  }

  private static func element(_ kernel: mimo_kernel) throws(MimoError) -> ElementKernel {
    guard kernel.value.isFinite else { throw BoundaryReader.broken("a kernel with the value \(kernel.value)") }
    switch kernel.kind {
    case MIMO_KERNEL_ADD: return .add(kernel.value)
    case MIMO_KERNEL_MIN_SHIFT: return .subtractMinimum
    default: throw BoundaryReader.broken("the unknown kernel \(kernel.kind)")
    }
  }
}
