import MimoContainers
import MimoSystem
import MimoTensor
import Testing

/// Whatever bytes change, reading ends with a value or an error: a trap would end the test run.
@Suite struct DamagedInputTests {
  static func damaged(_ bytes: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
    var result = bytes
    for _ in 0..<Int.random(in: 1...4, using: &random) where !result.isEmpty {
      let place = Int.random(in: 0..<result.count, using: &random)
      switch Int.random(in: 0..<5, using: &random) {
      case 0: result[place] = UInt8.random(in: 0...255, using: &random)
      case 1: result[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 2: result.removeSubrange(place..<min(place + Int.random(in: 1...9, using: &random), result.count))
      case 3:
        result.insert([0x28, 0x2E, 0x7D, 0x52, 0x62, 0x30, 0xFF, 0x75].randomElement(using: &random) ?? 0, at: place)
      default: result[place] = [0, 0xFF, 0x7F, 0x80].randomElement(using: &random) ?? 0
      }
    }
    return result
  }

  @Test(arguments: 0..<8) func metadata(seed: Int) throws {
    var random = SplitMix64(state: UInt64(seed))
    let folder = try TemporaryFolder()
    let sample = try SampleCheckpoint()
    try sample.write(to: folder)
    let metadata = try sample.metadata()
    var (read, refused) = (0, 0)
    for _ in 0..<150 {
      try folder.write(Self.damaged(metadata, &random), ".metadata")
      do throws(MimoError) {
        let checkpoint = try DistCheckpoint.open(folder.path)
        for tensor in checkpoint.tensors {
          for chunk in tensor.chunks {
            _ = try checkpoint.payload(of: chunk, of: tensor, in: try checkpoint.source(chunk.file))
          }
        }
        read += 1
      } catch {
        #expect(error.path != nil, "\(error)")
        refused += 1
      }
    }
    #expect(read + refused == 150 && refused > 100)
  }

  @Test(arguments: 0..<8) func items(seed: Int) throws {
    var random = SplitMix64(state: UInt64(seed))
    let common = TorchZipItem.object(DistCheckpointCompanions.commonState())
    for item in [try TorchZipReaderTests.usualItem(), TorchZipReaderTests.item(), common] {
      for _ in 0..<300 {
        let source = MemoryByteSource(Self.damaged(item, &random), path: "x")
        do throws(MimoError) {
          let stored = try TorchZipReader.tensor(in: source, offset: 0, length: source.size)
          #expect(stored.offset + stored.available <= source.size)
        } catch { #expect(error.path == "x", "\(error)") }
        _ = try? TorchObject(file: source)
        _ = try? TorchZipReader.tensor(in: source, offset: 0, length: source.size, dtype: .f32, dims: [2, 3])
      }
    }
  }

  @Test(arguments: 0..<8) func pickles(seed: Int) throws {
    var random = SplitMix64(state: UInt64(seed))
    for value in PickleTests.values.shuffled(using: &random) {
      let bytes = PickleTests.pickled(.list([value, value]))
      guard bytes.count < 1000 else { continue }
      for _ in 0..<100 {
        guard let graph = try? PickleReader.read(Self.damaged(bytes, &random), policy: .object) else { continue }
        _ = try? graph.value(graph.root, maximumValueCount: 1 << 12)
      }
    }
  }
}
