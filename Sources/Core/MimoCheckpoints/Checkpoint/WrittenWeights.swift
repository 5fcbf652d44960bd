import MimoSystem
import MimoTensor
import MimoTransfer

/// What writing the weights of a checkpoint showed.
package struct WrittenWeights {
  package var result: MoveResult
  /// Where the paths of the catalog's files begin, inside OUT; nil for OUT itself.
  var folder: String?
  /// Parallel to the catalog's files; nil where the digest does not follow from those of the parts.
  var digests: [FileDigest?]

  package init(result: MoveResult, folder: String? = nil, digests: [FileDigest?]) {
    self.result = result
    self.folder = folder
    self.digests = digests
  }

  /// By path in OUT.
  package func known(_ files: [StoredFile]) -> [String: FileDigest] {
    var known: [String: FileDigest] = [:]
    for (file, digest) in zip(files, digests) { known[path(of: file)] = digest }
    return known
  }

  /// What stands before the names of copied companions in OUT.
  package var companionPrefixes: [String] {
    let kept = TravellingRecord.folderName + "/files/"
    guard let folder else { return [kept, ""] }
    return [kept, "\(folder)/\(DistWriter.tokenizerFolder)/"]
  }

  /// The path of a catalog's file inside OUT.
  package func path(of file: StoredFile) -> String { folder.map { "\($0)/\(file.path)" } ?? file.path }
}

extension StoredCatalog {
  /// Digests of new files that hold a head and then chunks, from the CRC-32 of each chunk.
  ///
  /// - Parameter heads: parallel to the files.
  package func digests(heads: [[UInt8]], chunks crcs: [UInt32]) -> [FileDigest?] {
    var sums = zip(files, heads).map { file, head in
      var sum = FileSum<CRC32>(size: file.size)
      sum.add(head, at: 0)
      return sum
    }
    for target in targets {
      for index in target.chunks where chunks[index].isRowMajor {
        let count = UInt64(chunks[index].region.volume * (target.dtype.byteWidth ?? 1))
        sums[chunks[index].file].add(crcs[index], of: count, at: chunks[index].offset)
      }
    }
    return sums.map(\.digest)
  }
}

extension WholeOutput {
  /// Digests of its files, from the CRC-64 of each tensor.
  package func digests(_ tensors: [UInt64]) -> [FileDigest?] {
    var sums = zip(files, heads).map { file, head in
      var sum = FileSum<CRC64>(size: file.size)
      sum.add(head, at: 0)
      return sum
    }
    var byName: [String: UInt64] = [:]
    for (tensor, crc) in zip(whole, tensors) {
      sums[tensor.file].add(crc, of: UInt64(tensor.byteCount), at: tensor.offset)
      if !copies.isEmpty { byName[tensor.name] = crc }
    }
    for copy in copies {
      guard let crc = byName[copy.original.name] else { continue }
      sums[copy.duplicate.file].add(crc, of: UInt64(copy.duplicate.byteCount), at: copy.duplicate.offset)
    }
    return sums.map(\.digest)
  }
}
