import MimoContainers
import MimoMapping
import MimoSystem
import MimoTensor
import MimoTransfer

/// Where everything of a new `ranks` folder will lie: one safetensors file a rank.
package struct RanksOutput: Sendable {
  package let catalog: StoredCatalog
  /// The bytes before the tensors of each file.
  package let heads: [[UInt8]]

  package init(_ layout: ModelLayout, inventory: RankInventory, dtypes: [DType]) throws(MimoError) {
    var heads: [[UInt8]] = []
    var files: [StoredFile] = []
    var starts: [[UInt64]] = []
    for (rank, tensors) in inventory.ranks.enumerated() {
      let name = RankInventory.fileName(ofRank: rank)
      let (header, bytes) = try SafeTensorsHeader.lay(
        out: tensors.map(\.spec), metadata: [.init("format", "pt")], path: name)
      heads.append(bytes)
      files.append(StoredFile(path: name, size: header.fileSize))
      starts.append(header.entries.map(\.range.lowerBound))
    }
    self.heads = heads
    catalog = try inventory.catalog(layout, files: files, dtypes: dtypes) { rank, tensor in (rank, starts[rank][tensor]) }
  }
}
