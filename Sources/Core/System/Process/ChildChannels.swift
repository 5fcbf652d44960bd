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
  private var sent = 0
  private(set) var printed: [UInt8] = []
  private var buffer = [UInt8](repeating: 0, count: 1 << 16)
  private static let closed: CInt = -1

  init(input: [UInt8], path: String) throws(MimoError) {
    self.input = input
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
    guard poll(&waits, nfds_t(waits.count), milliseconds) > 0 else { return false }
    if waits[0].revents != 0 { send() }
    for place in [1, 2] where waits[place].revents != 0 {
      if let bytes = read(place) { printed += bytes.prefix(ChildProcess.printLimit - printed.count) }
    }
    if waits[3].revents != 0, let bytes = read(3) { try receive(bytes) }
    return true
  }

  private func send() {
    let count = input.withUnsafeBytes { bytes in
      bytes.baseAddress.map { Glibc.send(channels[0].own, $0 + sent, bytes.count - sent, ChildChannels.sendFlags) } ?? 0
    }
    if count > 0 { sent += count }
    let isOver = count < 0 && errno != EAGAIN && errno != EINTR
    // A child that does not want to hear the rest has gone, or will say why.
    if isOver || sent == input.count { shut(0) }
  }

  private static let sendFlags = CInt(MSG_NOSIGNAL) | CInt(MSG_DONTWAIT)

  /// nil when there is nothing now; the end of the channel closes it.
  private func read(_ place: Int) -> ArraySlice<UInt8>? {
    let count = recv(channels[place].own, &buffer, buffer.count, CInt(MSG_DONTWAIT))
    if count > 0 { return buffer[..<count] }
    if count == 0 || (errno != EAGAIN && errno != EINTR) { shut(place) }
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
    guard socketpair(AF_UNIX, type, 0, &pair) == 0 else { throw failure("socketpair", path) }
    // The child's numbers 0 to 3 must not be taken by ends that are still to be moved there.
    guard pair[1] <= ChildProcess.answerDescriptor else { return Channel(own: pair[0], child: pair[1]) }
    let moved = fcntl(pair[1], F_DUPFD_CLOEXEC, ChildProcess.answerDescriptor + 1)
    close(pair[1])
    guard moved >= 0 else {
      close(pair[0])
      throw failure("fcntl", path)
    }
    return Channel(own: pair[0], child: moved)
  }

  private static func failure(_ call: String, _ path: String) -> MimoError {
    MimoError(
      .system, "\(call) failed: \(String(cString: strerror(errno)))", path: path,
      remedy: "Raise the limit of open files (ulimit -n)", errno: errno)
  }
}
