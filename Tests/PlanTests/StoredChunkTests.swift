import MimoCheckpoints
import MimoParallel
import MimoSystem
import MimoTensor
import MimoTransfer
import Testing

/// A checkpoint whose chunks are not exactly the model is refused before a byte moves.
@Suite struct StoredChunkTests {
  private let model: SmallModel
  private let output: DistOutput

  init() throws {
    model = try SmallModel(layers: 2)
    let layout = try model.layout(.init(tp: 2, ep: 2, etp: 1))
    output = try DistOutput(layout, dtypes: model.description.targets.map { _ in .bf16 })
  }

  /// What the plan says of the model's chunks, once those of one target are changed.
  private func refusal(
    of target: Int, direction: ConversionPlan.Direction = .storedToWhole, _ change: (inout [StoredChunk]) -> Void
  ) -> MimoError? {
    var catalog = StoredCatalog()
    catalog.files = output.catalog.files
    for (index, stored) in output.catalog.targets.enumerated() {
      var chunks = Array(output.catalog.chunks[stored.chunks])
      if index == target { change(&chunks) }
      let start = catalog.chunks.count
      catalog.chunks += chunks
      catalog.targets.append(StoredTarget(dtype: stored.dtype, chunks: start..<catalog.chunks.count))
    }
    return error { () throws(MimoError) in
      _ = try ConversionPlan(
        direction, description: model.description, whole: model.whole(.bf16),
        wholeFiles: [StoredFile(path: "model.safetensors", size: 1 << 20)], stored: catalog)
    }
  }

  private func expect(_ found: MimoError?, _ target: Int, says fault: String) {
    let declared = model.description.targets[target]
    #expect(found?.code == .invalidInput)
    #expect(found?.tensor == declared.globalName)
    #expect(found?.message == "the stored chunks do not hold each element of \(declared.shape) once: \(fault)")
  }

  @Test func whatDistOutputLaysOutIsAccepted() {
    #expect(refusal(of: 0) { _ in } == nil)
    #expect(refusal(of: 0, direction: .wholeToStored) { _ in } == nil)
  }

  @Test func aMissingChunkIsAHole() {
    for (target, stored) in output.catalog.targets.enumerated() {
      for index in 0..<stored.chunks.count {
        let volume = output.catalog.chunks[stored.chunks.lowerBound + index].region.volume
        let found = refusal(of: target) { $0.remove(at: index) }
        expect(found, target, says: "\(volume) elements are covered by nothing")
      }
    }
  }

  @Test func aChunkTwiceIsAnOverlap() {
    for target in output.catalog.targets.indices {
      var region = Region(offset: [], extent: [])
      let found = refusal(of: target) { chunks in
        region = chunks[0].region
        chunks.append(chunks[0])
      }
      expect(found, target, says: "\(region) and \(region) overlap")
    }
  }

  /// As many elements as there should be, but some of them twice.
  @Test func aHoleThatAnOverlapHidesIsFound() {
    for (target, stored) in output.catalog.targets.enumerated() where stored.chunks.count > 1 {
      var region = Region(offset: [], extent: [])
      let found = refusal(of: target) { chunks in
        // Gate and up rows of one rank, say: the second is the first again.
        region = chunks[0].region
        chunks[1] = StoredChunk(region: region, file: chunks[1].file, offset: chunks[1].offset)
      }
      expect(found, target, says: "\(region) and \(region) overlap")
    }
  }

  @Test func aChunkThatReachesOutsideIsFound() {
    for target in output.catalog.targets.indices {
      var region = Region(offset: [], extent: [])
      let found = refusal(of: target) { chunks in
        region = chunks[0].region
        region.offset[0] += model.description.targets[target].shape.dims[0]
        chunks[0] = StoredChunk(region: region, file: chunks[0].file, offset: chunks[0].offset)
      }
      expect(found, target, says: "\(region) reaches outside")
    }
  }

  @Test func copiesAreNoOverlapAndFillNoHole() {
    for target in output.catalog.targets.indices {
      let added = refusal(of: target) { chunks in
        var copy = chunks[0]
        copy.isReplica = true
        chunks.append(copy)
      }
      #expect(added == nil)
      var volume = 0
      let alone = refusal(of: target) { chunks in
        chunks[0].isReplica = true
        volume = chunks[0].region.volume
      }
      expect(alone, target, says: "\(volume) elements are covered by nothing")
    }
  }

  /// It makes all others.
  @Test func aFaultOfTheMappingIsToldFirst() {
    var description = model.description
    description.targets[3].fragments.removeAll()
    var catalog = output.catalog
    catalog.targets[0].chunks = 0..<0
    let found = error { () throws(MimoError) in
      _ = try ConversionPlan(
        .wholeToStored, description: description, whole: model.whole(.bf16),
        wholeFiles: [StoredFile(path: "model.safetensors", size: 1 << 20)], stored: catalog)
    }
    #expect(found?.code == .plugin)
    #expect(found?.tensor == description.targets[3].globalName)
  }
}
