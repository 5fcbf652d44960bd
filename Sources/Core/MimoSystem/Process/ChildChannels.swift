import Glibc

/// The connections to a child process: what it reads, what it prints (twice), what it answers, and that to its supervisor.
///
/// Socket pairs, not pipes: they are made without a moment in which another thread's child could inherit them, and
/// writing to one that is closed is an error, not a signal.
final class ChildChannels {
  private struct Channel {
    var own: CInt
    var child: CInt
  }

  private var channels: [Channel] = []
  private let input: [UInt8]
  private let path: String
  private var sent = 0
  private(set) var printed: [UInt8] = []
  private var report: [UInt8] = []
  private var buffer = [UInt8](repeating: 0, count: 1 << 16)
  private static let closed: CInt = -1
  private static let supervision = Int(Supervisor.channel)

  init(input: [UInt8], path: String) throws(MimoError) {
    self.input = input
    self.path = path
    for _ in 0...ChildChannels.supervision { channels.append(try ChildChannels.connect(path)) }
  }

  deinit {
    for channel in channels {
      for descriptor in [channel.own, channel.child] where descriptor != ChildChannels.closed { close(descriptor) }
    }
  }

  /// What become the child's descriptors, from 0 on.
  var childEnds: [CInt] { channels.map(\.child) }

  /// To be called once the child has them.
  func closeChildEnds() {
    for place in channels.indices {
      close(channels[place].child)
      channels[place].child = ChildChannels.closed
    }
  }

  /// Moves what can be moved at once, after waiting for it at most `milliseconds`; false when there was nothing.
  func transfer(
    waiting milliseconds: CInt, _ receive: (ArraySlice<UInt8>) throws(MimoError) -> Void
  ) throws(MimoError) -> Bool {
    var waits = channels.map { pollfd(fd: $0.own, events: CShort(POLLIN), revents: 0) }
    waits[0].events = CShort(POLLOUT)
    let count = try SystemCalls.run(.poll, path: path) { poll(&waits, nfds_t(waits.count), milliseconds) }
    guard count > 0 else { return false }
    if waits[0].revents != 0 { try send() }
    for place in [1, 2] where waits[place].revents != 0 {
      if let bytes = try read(place) { printed += bytes.prefix(ChildProcess.printLimit - printed.count) }
    }
    if waits[3].revents != 0, let bytes = try read(3) { try receive(bytes) }
    if waits[ChildChannels.supervision].revents != 0, let bytes = try read(ChildChannels.supervision) { report += bytes }
    return true
  }

  /// Whether the supervisor has said how it ended, or can not say it any more.
  var hasEnded: Bool { reportedStatus != nil || channels[ChildChannels.supervision].own == ChildChannels.closed }

  /// How the child ended, as waitpid would have it; nil when the supervisor has not said so.
  var reportedStatus: CInt? {
    guard report.count == MemoryLayout<CInt>.size else { return nil }
    return report.withUnsafeBytes { $0.loadUnaligned(as: CInt.self) }
  }

  /// Asks the supervisor to end everything, and waits until it has; false when that takes too long. Without faults: this
  /// is what follows after one.
  func awaitEnd(for seconds: Double) -> Bool {
    let deadline = MonotonicClock.seconds() + seconds
    let place = ChildChannels.supervision
    shutdown(channels[place].own, CInt(SHUT_WR))
    while channels[place].own != ChildChannels.closed {
      let left = deadline - MonotonicClock.seconds()
      guard left > 0 else { return false }
      var wait = pollfd(fd: channels[place].own, events: CShort(POLLIN), revents: 0)
      guard poll(&wait, 1, CInt(left * 1000) + 1) > 0 else { continue }
      let count = recv(channels[place].own, &buffer, buffer.count, CInt(MSG_DONTWAIT))
      if count > 0 { report += buffer[..<count] }
      if count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN) { shut(place) }
    }
    return true
  }

  private func send() throws(MimoError) {
    let (count, code) = SystemCalls.attempt(.send, path: path) {
      input.withUnsafeBytes { bytes in
        bytes.baseAddress.map { Glibc.send(channels[0].own, $0 + sent, bytes.count - sent, ChildChannels.sendFlags) } ?? 0
      }
    }
    if count > 0 { sent += count }
    // A child that does not want to hear the rest has gone, or will say why.
    let isOver = try isClosed(.send, code)
    if isOver || sent == input.count { shut(0) }
  }

  /// Whether a call failed because the child has closed its end; throws when it failed for another reason.
  private func isClosed(_ call: SystemCall, _ code: CInt) throws(MimoError) -> Bool {
    switch code {
    case 0, EAGAIN: return false
    case EPIPE, ECONNRESET: return true
    default: throw SystemCalls.failure(call, code, path: path)
    }
  }

  private static let sendFlags = CInt(MSG_NOSIGNAL) | CInt(MSG_DONTWAIT)

  /// nil when there is nothing now; the end of the channel closes it.
  private func read(_ place: Int) throws(MimoError) -> ArraySlice<UInt8>? {
    let (count, code) = SystemCalls.attempt(.recv, path: path) {
      recv(channels[place].own, &buffer, buffer.count, CInt(MSG_DONTWAIT))
    }
    if count > 0 { return buffer[..<count] }
    let isOver = try isClosed(.recv, code)
    if isOver || count == 0 { shut(place) }
    return nil
  }

  /// poll passes over negative descriptors.
  private func shut(_ place: Int) {
    close(channels[place].own)
    channels[place].own = ChildChannels.closed
  }

  private static func connect(_ path: String) throws(MimoError) -> Channel {
    var pair: [CInt] = [closed, closed]
    let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
    _ = try SystemCalls.run(.socketpair, path: path) { socketpair(AF_UNIX, type, 0, &pair) }
    // The child's numbers 0 to 4 must not be taken by ends that are still to be moved there.
    let own = capture { () throws(MimoError) in try FileDescriptor.taking(pair[0], path: path).release() }
    let child = capture { () throws(MimoError) in
      try FileDescriptor.taking(pair[1], above: Supervisor.channel, path: path).release()
    }
    switch (own, child) {
    case (.success(let own), .success(let child)): return Channel(own: own, child: child)
    case (.success(let left), .failure(let error)), (.failure(let error), .success(let left)):
      close(left)
      throw error
    case (.failure(let error), .failure): throw error
    }
  }
}
