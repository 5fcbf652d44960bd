import Foundation

/// The program and the plugins of ABI 1.0, as they were built then; its reports are of schema 1.
enum FrozenHost {
  /// Runs `convert` of a Qwen3-VL model.
  static func convert(_ arguments: [String]) -> Host.Outcome {
    let process = Process()
    process.executableURL = Frozen.host
    process.arguments = ["convert", "-q", "--plugin", Frozen.library("Qwen3VL")] + arguments
    let pipes = [Pipe(), Pipe()]
    process.standardOutput = pipes[0]
    process.standardError = pipes[1]
    process.standardInput = FileHandle.nullDevice
    do {
      try process.run()
    } catch {
      return Host.Outcome(code: -1, output: "", errors: "\(error)", wasKilled: false)
    }
    return Host.finish(process, pipes)
  }
}
