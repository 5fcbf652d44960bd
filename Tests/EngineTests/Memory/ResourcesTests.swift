import Testing

@testable import MimoCheckpoints
@testable import MimoConversion
@testable import MimoTransfer
@testable import MimoVerify

@Suite struct ResourcesTests {
  /// Buffers of all workers together are never more than --memory, and there is a worker wherever the least is given.
  @Test(arguments: [Resources.Windows.moving, .comparing]) func buffersStayWithinMemory(_ windows: Resources.Windows) {
    let least = Resources.least(windows)
    for jobs in [1, 2, 3, 7, 64, 1000, 1_000_000] {
      for memory in [least, least + 1, 2 * least - 1, 2 * least, 8 << 20, 512 << 20, 1 << 40, Int(9e18)] {
        let resources = Resources(jobs: jobs, memory: memory, for: windows)
        #expect(resources.bufferBytes <= memory, "\(jobs) jobs in \(memory)")
        #expect((1...jobs).contains(resources.jobs) && resources.windowBytes >= 64 << 10)
      }
    }
  }

  @Test func asManyWorkersAsAskedWhereMemoryHoldsThem() {
    #expect(Resources(jobs: 16, memory: 512 << 20).jobs == 16)
    #expect(Resources(jobs: 16, memory: 2 * Resources.least()).jobs == 2)
  }
}
