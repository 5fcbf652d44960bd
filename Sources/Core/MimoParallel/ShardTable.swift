import MimoTensor

/// What every rank holds of every parameter: the one message that ranks need to know each other's shards.
package struct ShardTable: Sendable, Hashable {
  /// A box of a parameter on one rank. A rank may hold none of it (a dim of the local shape is 0) or several boxes.
  package struct Shard: Sendable, Hashable {
    package var name: String
    package var rank: Int
    package var globalShape: GlobalShape
    package var localShape: LocalShape
    /// Where the box begins in the whole parameter.
    package var offset: DimVector

    package init(name: String, rank: Int, globalShape: GlobalShape, localShape: LocalShape, offset: DimVector) {
      self.name = name
      self.rank = rank
      self.globalShape = globalShape
      self.localShape = localShape
      self.offset = offset
    }

    package var isEmpty: Bool { localShape.dims.contains(0) }
    /// The box that the rank holds.
    package var region: Region { Region(offset: offset, extent: localShape.dims) }
  }

  package var shards: [Shard]

  package init(_ shards: [Shard]) { self.shards = shards }
}
