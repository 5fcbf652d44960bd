import AlgebraSupport
import MimoMapping
import MimoSystem
import MimoTensor
import Testing

@testable import MimoCheckpoints
@testable import MimoConversion
@testable import MimoTransfer
@testable import MimoVerify

@Suite struct MoverTests {
  private static let types: [DType] = [.u8, .bool, .bf16, .i16, .f32, .i32, .f64, .c64, .f8e4m3, .u64]

  private static func values(_ seed: Int) -> MoveCase.Values {
    seed % 2 == 0 ? .floats : .bytes(types[seed / 2 % types.count])
  }

  @Test func crcsAreThoseOfTheCatalogue() {
    #expect(PlainCRC.crc32("123456789".utf8) == 0xCBF4_3926)
    #expect(PlainCRC.crc64("123456789".utf8) == 0xAE8B_1486_0A79_9888)
  }

  @Test func bothWaysAreThePlainInterpreter() throws {
    for seed in 0..<60 {
      var random = Seeded(seed)
      let one = try MoveCase(&random, Self.values(seed))
      // From one element a window to all of a tensor.
      let window = random.number(8...300)
      for jobs in 1...3 {
        let there = try one.run(.wholeToStored, input: one.wholeFiles, jobs: jobs, windowBytes: window)
        #expect(there.files == one.stored, "seed \(seed), \(jobs) jobs, windows of \(window)")
        #expect(there.result.lost == one.lost, "seed \(seed), \(jobs) jobs")
        Self.check(there, one, whole: one.wholeFiles, "seed \(seed), \(jobs) jobs")
        #expect(there.result.chunkDigests == Self.digests(one, there), "seed \(seed), \(jobs) jobs")

        let back = try one.run(.storedToWhole, input: one.stored, jobs: jobs, windowBytes: window)
        #expect(back.files == one.restored, "seed \(seed), \(jobs) jobs, windows of \(window)")
        #expect(back.result.lost == one.lostBack, "seed \(seed), \(jobs) jobs, back")
        Self.check(back, one, whole: one.restored, "seed \(seed), \(jobs) jobs, back")
      }
    }
  }

  @Test func theWayBackGivesTheSourceWhereNothingIsRounded() throws {
    for seed in 100..<140 {
      var random = Seeded(seed)
      let one = try MoveCase(&random, .bytes(Self.types[seed % Self.types.count]))
      let there = try one.run(.wholeToStored, input: one.wholeFiles, jobs: 2, windowBytes: 100)
      let back = try one.run(.storedToWhole, input: there.files, jobs: 2, windowBytes: 70)
      #expect(back.files == one.wholeFiles, "seed \(seed)")
      #expect(there.result.lost.isEmpty, "seed \(seed)")
      #expect(back.result.wholeDigests == there.result.wholeDigests, "seed \(seed)")
    }
  }

  /// The windows that a run really has, which cut tensors of this size.
  @Test(arguments: 0..<3)
  func tensorsBeyondAWindow(seed: Int) throws {
    var limits = RandomModel.Limits()
    limits.sources = 2...2
    limits.rank = 2...2
    limits.extent = 150...260
    limits.steps = 3...4
    limits.kernels = seed == 1
    var random = Seeded(seed)
    let one = try MoveCase(&random, seed == 1 ? .floats : .bytes(.i64), limits)
    #expect(one.whole.contains { $0.byteCount > Resources(jobs: 2, memory: 2 * Resources.least()).windowBytes })
    let there = try one.run(.wholeToStored, input: one.wholeFiles, jobs: 2, windowBytes: nil)
    #expect(there.files == one.stored)
    #expect(there.result.lost == one.lost)
    let back = try one.run(.storedToWhole, input: there.files, jobs: 3, windowBytes: nil)
    #expect(back.files == one.restored)
  }

  /// Digests and counts of a run, which must not depend on who did what.
  private static func check(_ outcome: MoveCase.Outcome, _ one: MoveCase, whole files: [[UInt8]], _ place: String) {
    for (number, tensor) in one.whole.enumerated() {
      let bytes = files[tensor.file][Int(tensor.offset)...].prefix(tensor.byteCount)
      #expect(outcome.result.wholeDigests[number] == PlainCRC.crc64(bytes), "\(place): digest of \(tensor.name)")
    }
    #expect(outcome.progress == one.whole.reduce(0) { $0 + $1.byteCount }, "\(place): progress")
  }

  /// Of contiguous chunks that of their bytes; of others, which have none, what was answered.
  private static func digests(_ one: MoveCase, _ outcome: MoveCase.Outcome) -> [UInt32] {
    var result = outcome.result.chunkDigests
    for target in one.catalog.targets {
      for number in target.chunks {
        let chunk = one.catalog.chunks[number]
        let width = target.dtype.byteWidth ?? 1
        let stored = one.stored[chunk.file][Int(chunk.offset)...]
        if chunk.hasRowMajorOrder {
          let positions = Self.rowMajorPositions(chunk)
          #expect(positions.enumerated().allSatisfy { chunk.number(ofElementAt: $1) == $0 })
          result[number] = PlainCRC.crc32(positions.flatMap { stored.dropFirst($0 * width).prefix(width) })
        } else if StridedBlock.span(chunk.region.extent, chunk.strides) == chunk.region.volume {
          result[number] = PlainCRC.crc32(stored.prefix(chunk.region.volume * width))
        }
      }
    }
    return result
  }

  /// Where a chunk's elements lie, row-major, in elements behind its first.
  private static func rowMajorPositions(_ chunk: StoredChunk) -> [Int] {
    zip(chunk.region.extent, chunk.strides).reduce([0]) { positions, dim in
      positions.flatMap { start in (0..<dim.0).map { start + $0 * dim.1 } }
    }
  }
}

@Suite struct ReplicaTests {
  /// One element of a copy is another: whichever it is, the run is refused and names the copy.
  @Test func copiesThatDifferAreRefused() throws {
    var tried = 0
    for seed in 0..<60 {
      var random = Seeded(seed)
      let one = try MoveCase(&random, .bytes(.i16))
      let copies = one.catalog.chunks.indices.filter { one.catalog.chunks[$0].isReplica }
      guard let number = copies.randomElement(using: &random) else { continue }
      let chunk = one.catalog.chunks[number]
      guard let target = one.catalog.targets.firstIndex(where: { $0.chunks.contains(number) }) else { continue }
      let index = chunk.region.extent.map { random.number(0...($0 - 1)) }
      let element = one.targets[target][zip(index, chunk.region.offset).map { $0 + $1 }]
      guard !element.isZero else { continue }
      tried += 1
      var stored = one.stored
      stored[chunk.file][Int(chunk.offset) + dot(index, chunk.strides) * 2] ^= 0x40
      for window in [16, 1000] {
        let found = try one.failure(stored, windowBytes: window)
        #expect(found?.code == .invalidInput, "seed \(seed)")
        #expect(found?.message == "the copy at byte \(chunk.offset) differs from the original on another rank", "seed \(seed)")
        #expect(found?.path == one.catalog.files[chunk.file].path, "seed \(seed)")
        #expect(found?.tensor?.hasPrefix("source.") == true, "seed \(seed)")
      }
    }
    #expect(tried > 10)
  }
}

@Suite struct WorkUnitTests {
  @Test func windowsHoldEachElementOnceInTheOrderOfTheDisk() throws {
    for seed in 0..<80 {
      var random = Seeded(seed)
      let one = try MoveCase(&random, .bytes([.u8, .bf16, .f32, .i64][seed % 4]))
      let windowBytes = random.number(1...200)
      let plan = try one.plan(.wholeToStored)
      let units = WorkUnit.all(of: plan, windowBytes: windowBytes)
      var next = plan.whole.map { _ in 0 }
      for unit in units {
        #expect(unit.elements.lowerBound == next[unit.tensor] && !unit.elements.isEmpty, "seed \(seed)")
        next[unit.tensor] = unit.elements.upperBound
        let width = plan.whole[unit.tensor].dtype.byteWidth ?? 1
        #expect(unit.elements.count * width <= max(windowBytes, width), "seed \(seed)")
      }
      #expect(next == plan.whole.map(\.elementCount), "seed \(seed)")
      let places = units.map { (plan.whole[$0.tensor].file, Int(plan.whole[$0.tensor].offset) + $0.elements.lowerBound) }
      #expect(zip(places, places.dropFirst()).allSatisfy { $0 < $1 }, "seed \(seed)")
    }
  }
}

extension MoveCase {
  fileprivate func failure(_ stored: [[UInt8]], windowBytes: Int) throws -> MimoError? {
    do {
      _ = try run(.storedToWhole, input: stored, jobs: 2, windowBytes: windowBytes)
      return nil
    } catch let error as MimoError {
      return error
    }
  }
}
