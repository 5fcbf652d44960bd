/// How much work gathers before a journal records it: some tenths of a second of a disk's time.
package struct JournalBatch: Sendable {
  /// Bytes of whole tensors.
  package var bytes = 64 << 20
  /// What each output file adds to it, because each costs a sync.
  package var bytesPerFile = 1 << 20
  package var seconds = 2.0

  package init() {}
}
