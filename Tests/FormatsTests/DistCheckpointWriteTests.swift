import Foundation
import MimoContainers
import MimoSystem
import MimoTensor
import Testing

@Suite struct DistCheckpointWriteTests {
  @Test func whatWasWrittenIsReadBack() throws {
    let sample = try SampleCheckpoint()
    #expect(sample.layout.fileSizes == sample.files.map { UInt64($0.count) })
    let folder = try TemporaryFolder()
    try sample.write(to: folder)
    let checkpoint = try DistCheckpoint.open(folder.path)
    #expect(checkpoint.kind == .torchDist)
    #expect(checkpoint.tensors.map(\.key) == sample.tensors.map(\.key))
    for (read, written) in zip(checkpoint.tensors, sample.tensors) {
      #expect(read.dtype == written.dtype)
      #expect(read.shape == written.shape)
      #expect(read.chunks.map(\.region) == written.chunks.map(\.region))
      #expect(try checkpoint.assembled(read) == sample.contents[read.key])
    }
    #expect(checkpoint.objects.map(\.key) == sample.objects.map(\.key))
    for object in checkpoint.objects { _ = try checkpoint.read(object) }
    #expect(try checkpoint.commonState() == DistCheckpointCompanions.commonState())
  }

  @Test func theTrackerLeadsToTheIteration() throws {
    let root = try TemporaryFolder()
    for iteration in [nil, 123] as [Int?] {
      let name = DistCheckpointCompanions.folderName(iteration: iteration)
      let folder = try TemporaryFolder()
      try SampleCheckpoint().write(to: folder)
      try FileManager.default.moveItem(at: folder.url, to: root.url.appending(path: name))
      try root.write(DistCheckpointCompanions.tracker(iteration: iteration), "latest_checkpointed_iteration.txt")
      #expect(try DistCheckpoint.open(root.path).path.hasSuffix(iteration == nil ? "/release" : "/iter_0000123"))
    }
    try root.write(try DistCheckpointCompanions.trainState(step: 124), "latest_train_state.pt")
    let error = #expect(throws: MimoError.self) { try DistCheckpoint.open(root.path) }
    #expect(error?.description.contains("names iter_0000124") == true)
    try FileManager.default.removeItem(at: root.url.appending(path: "latest_checkpointed_iteration.txt"))
    try root.write(try DistCheckpointCompanions.trainState(step: 123), "latest_train_state.pt")
    #expect(try DistCheckpoint.open(root.path).path.hasSuffix("/iter_0000123"))
  }

  static let half = DistChunk(region: Region(offset: [0], extent: [2]), file: 0, offset: 0, length: 1)

  @Test(arguments: [
    ([DistTensor(key: "a", dtype: .u8, shape: GlobalShape([4]), chunks: [half])], "cover 2 of 4"),
    ([DistTensor(key: "a", dtype: .u8, shape: GlobalShape([4]), chunks: [half, half])], "overlap"),
    ([DistTensor(key: "a", dtype: .u8, shape: GlobalShape([1]), chunks: [half])], "leaves the shape"),
    ([DistTensor(key: "a/b", dtype: .u8, shape: GlobalShape([2]), chunks: [half])], "slash"),
    (
      [
        DistTensor(key: "a", dtype: .u8, shape: GlobalShape([2]), chunks: [half]),
        DistTensor(key: "a", dtype: .u8, shape: GlobalShape([2]), chunks: [half]),
      ], "twice"
    ),
    ([DistTensor(key: "a", dtype: .f4, shape: GlobalShape([2]), chunks: [half])], "no element type F4"),
  ])
  func whatTorchCouldNotReadIsNotWritten(tensors: [DistTensor], message: String) throws {
    let error = #expect(throws: MimoError.self) {
      try DistMetadataEncoder.encode(tensors: tensors, objects: [], fileNames: ["__0_0.distcp"])
    }
    #expect(error?.description.contains(message) == true, "\(String(describing: error))")
  }
}
