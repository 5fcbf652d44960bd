import MimoContainers
import MimoSystem
import MimoTensor
import MimoTransfer
import Synchronization

/// Writes what stands around the weights of a distributed checkpoint: frames, objects, `.metadata` and companions.
struct DistWriter {
  /// What stands beside the items, and how a key is nested in the dict that a trainer saves.
  struct Companions {
    /// By name, in the iteration's folder.
    var files: [(name: String, bytes: [UInt8])] = []
    /// nil: each key is an entry of its own.
    var plannerPath: ((String) -> [String])?
  }

  let files: [File]
  private let companions: Companions
  private let output: DistOutput
  private let training: TrainingState
  private let root: String
  private let folder: String
  /// The iteration's folder, inside OUT.
  let name: String

  /// Makes the iteration's folder with its files at full size.
  init(
    _ output: DistOutput, _ companions: Companions, _ training: TrainingState, in stage: some Destination
  ) throws(MimoError) {
    self.output = output
    self.companions = companions
    self.training = training
    root = stage.path
    name = DistCheckpointCompanions.folderName(iteration: training.iteration)
    folder = FileSystem.join(root, name)
    files = try stage.files(output.catalog.files, in: name)
  }

  /// Writes all that is left once the weights are in place, and proves that the checkpoint reads back whole. Returns the
  /// digests of the files that hold items.
  ///
  /// - Parameter runConfig: nil for a part of a model, which no trainer can build.
  func finish(
    _ result: MoveResult, jobs: Int, runConfig: String?, tokenizer: TravellingFiles?
  ) throws(MimoError) -> [FileDigest?] {
    var sums = try writeFrames(result, jobs: jobs)
    for object in output.objects {
      try files[object.file].write(object.bytes, at: object.offset)
      sums[object.file].add(object.bytes, at: object.offset)
    }
    try writeCompanions(runConfig: runConfig)
    if let tokenizer {
      try writeTokenizer(tokenizer.names.filter(DistWriter.isTokenizerFile), from: tokenizer.folder)
    }
    try FileSystem.writeSmallFile(FileSystem.join(folder, ".metadata"), try metadata())
    try writeTrackers()
    try proveReadable()
    return sums.map(\.digest)
  }

  /// The bytes before and after the elements of each item; the CRC is known now. Returns the checksums of all items, by file.
  private func writeFrames(_ result: MoveResult, jobs: Int) throws(MimoError) -> [FileSum<CRC32>] {
    let output = output
    let files = files
    let count = output.items.count
    let total = FrameSums(output.catalog.files)
    try Workers.run(count: max(1, min(jobs, count))) { worker throws(MimoError) in
      var prefix: [UInt8] = []
      var sums = FrameSums.empty(output.catalog.files)
      for index in stride(from: worker.index, to: count, by: jobs) {
        if worker.isCancelled { return }
        try Interruption.check()
        let item = output.items[index]
        let number = output.catalog.chunks[index].file
        let file = files[number]
        prefix.removeAll(keepingCapacity: true)
        let frame = output.frame(ofItem: index)
        frame.appendPrefix(to: &prefix)
        try file.write(prefix, at: item.offset)
        let suffix = frame.suffix(dataCRC32: result.chunkDigests[index])
        try file.write(suffix, at: item.offset + frame.dataOffset + frame.dataLength)
        sums[number].add(prefix, at: item.offset)
        sums[number].add(result.chunkDigests[index], of: frame.dataLength, at: item.offset + frame.dataOffset)
        sums[number].add(suffix, at: item.offset + frame.dataOffset + frame.dataLength)
      }
      total.add(sums)
    }
    return total.all
  }

  /// The checksums of files to which several workers add.
  private final class FrameSums: Sendable {
    private let sums: Mutex<[FileSum<CRC32>]>

    init(_ files: [StoredFile]) { sums = Mutex(FrameSums.empty(files)) }

    static func empty(_ files: [StoredFile]) -> [FileSum<CRC32>] { files.map { FileSum(size: $0.size) } }

    func add(_ others: [FileSum<CRC32>]) {
      sums.withLock { sums in
        for index in sums.indices { sums[index].add(others[index]) }
      }
    }

    var all: [FileSum<CRC32>] { sums.withLock { $0 } }
  }

  private func metadata() throws(MimoError) -> [UInt8] {
    var tensors = output.tensors.map { tensor in
      DistTensor(
        key: tensor.key, dtype: tensor.dtype, shape: tensor.shape,
        chunks: tensor.items.map { index in
          DistChunk(
            region: output.region(ofItem: index), file: output.catalog.chunks[index].file,
            offset: output.items[index].offset, length: output.frame(ofItem: index).length)
        })
    }
    var objects: [DistObject] = []
    for object in output.objects {
      guard let dtype = object.scalar else {
        objects.append(DistObject(key: object.key, file: object.file, offset: object.offset, length: object.length))
        continue
      }
      let shape = GlobalShape([])
      let chunk = DistChunk(
        region: Region(whole: shape), file: object.file, offset: object.offset, length: object.length)
      tensors.append(DistTensor(key: object.key, dtype: dtype, shape: shape, chunks: [chunk]))
    }
    return try DistMetadataEncoder.encode(
      tensors: tensors, objects: objects, fileNames: output.catalog.files.map(\.path), plannerPath: companions.plannerPath)
  }

  private func writeCompanions(runConfig: String?) throws(MimoError) {
    for (name, bytes) in companions.files { try write(name, bytes) }
    if let runConfig { try write("run_config.yaml", Array(runConfig.utf8)) }
    try write("train_state.pt", training.train)
  }

  private func write(_ name: String, _ bytes: [UInt8]) throws(MimoError) {
    try FileSystem.writeSmallFile(FileSystem.join(folder, name), bytes)
  }

  /// The folder of the tokenizer's files, as the trainer saves it.
  static let tokenizerFolder = "tokenizer"

  private func writeTokenizer(_ names: [String], from source: String) throws(MimoError) {
    guard !names.isEmpty else { return }
    let target = FileSystem.join(folder, DistWriter.tokenizerFolder)
    try FileSystem.createDirectory(target)
    try TravellingRecord.copy(names, from: source, to: target)
  }

  /// Source: the file names that transformers' tokenizers save.
  private static func isTokenizerFile(_ path: String) -> Bool {
    let exact: Set<String> = [
      "vocab.json", "vocab.txt", "merges.txt", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja",
      "chat_template.json", "spiece.model", "sentencepiece.bpe.model",
    ]
    return exact.contains(path) || (path.hasPrefix("tokenizer") && !path.contains("/"))
  }

  private func writeTrackers() throws(MimoError) {
    let state = FileSystem.join(root, "latest_train_state.pt")
    try FileSystem.writeSmallFile(state, training.train)
    let tracker = FileSystem.join(root, "latest_checkpointed_iteration.txt")
    try FileSystem.writeSmallFile(tracker, DistCheckpointCompanions.tracker(iteration: training.iteration))
  }

  /// Reads back what was written: catalog, and each item's frame.
  private func proveReadable() throws(MimoError) {
    let checkpoint = try DistCheckpoint.open(root)
    let (found, written) = (checkpoint.tensors.count + checkpoint.objects.count, output.tensors.count + output.objects.count)
    guard found == written else {
      throw MimoError(.internalError, "\(found) of \(written) entries read back", path: folder)
    }
    try MadePickles.check(checkpoint)
  }
}

extension DistWriter.Companions {
  /// The common state, and the backend's name and version.
  static func torchDist(_ training: TrainingState) -> DistWriter.Companions {
    DistWriter.Companions(
      files: [("common.pt", training.common), ("metadata.json", DistCheckpointCompanions.metadataJSON)])
  }
}
