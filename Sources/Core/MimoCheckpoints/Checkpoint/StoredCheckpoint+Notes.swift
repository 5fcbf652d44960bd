import MimoContainers
import MimoSystem
import MimoTransfer

extension StoredCheckpoint {
  /// A module's state without FP8 is nothing or an empty tensor in an item of some kilobyte.
  private static let largestEmptyState = 4096

  /// What the user should know of modules' state that an output does not take over.
  package var extraStateNotes: [Note] {
    let filled = dist?.objects.lazy.filter { object in
      object.key.contains("_extra_state/") && object.length > StoredCheckpoint.largestEmptyState
    }.count ?? 0
    return filled == 0 ? [] : ["\(filled) _extra_state entries hold something (FP8 scales); OUT has empty ones"]
  }
}
