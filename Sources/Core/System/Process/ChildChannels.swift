import Glibc

/// The four connections to a child process: what it reads, what it prints (twice), and what it answers.
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
  private var buffer = [UInt8](repeating: 0, count: 1 << 16)
  private static let closed: CInt = -1

  init(input: [UInt8], path: String) throws(MimoError) {
    self.input = input
    self.path = path
    for _ in 0..<4 { channels.append(try ChildChannels.connect(path)) }
  }

  deinit {
    for channel in channels {
      for descriptor in [channel.own, channel.child] where descriptor != ChildChannels.closed { close(descriptor) }
    }
  }

  /// What become the child's descriptors 0, 1, 2 and 3.
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
    // The child's numbers 0 to 3 must not be taken by ends that are still to be moved there.
    let own = capture { () throws(MimoError) in try FileDescriptor.taking(pair[0], path: path).release() }
    let child = capture { () throws(MimoError) in
      try FileDescriptor.taking(pair[1], above: ChildProcess.answerDescriptor, path: path).release()
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
