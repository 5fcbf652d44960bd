import MimoSystem
import MimoTensor
import MimoTransfer

/// Where the bytes go.
package enum PlannedOutput: Sendable {
  case dist(DistOutput)
  case ranks(RanksOutput)
  case prime(PrimeOutput)

  package var catalog: StoredCatalog {
    switch self {
    case .dist(let output): output.catalog
    case .ranks(let output): output.catalog
    case .prime(let output): output.catalog
    }
  }

  /// Where everything of a format with ranks will lie.
  ///
  /// - Parameters:
  ///   - dtypes: parallel to the description's targets.
  ///   - iteration: of the training that the weights are from.
  ///   - optimizer: entries of an fsdp_dtensor checkpoint that belong to its optimizer's state; nil for weights alone.
  package init(
    _ format: OutputFormat, _ layout: ModelLayout, dtypes: [DType], iteration: Int = 0, optimizer: [DistOutput.Entry]? = nil
  ) throws(MimoError) {
    switch format {
    case .mimo, .megatron:
      self = .dist(try DistOutput(layout, dtypes: dtypes))
    case .fsdpDTensor:
      let own = FSDPCompanions.entries(of: layout, iteration: iteration, hasOptimizer: optimizer != nil)
      self = .dist(try DistOutput(fsdp: layout, dtypes: dtypes, entries: own + (optimizer ?? [])))
    case .ranks:
      let inventory = try RankInventory(layout, dtypes: dtypes)
      self = .ranks(try RanksOutput(layout, inventory: inventory, dtypes: dtypes))
    case .prime: throw MimoError(.internalError, "layout prime has no ranks")
    }
  }
}
