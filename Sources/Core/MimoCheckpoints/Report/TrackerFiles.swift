/// Files at the root of a checkpoint that a trainer rewrites when it goes on from there.
package enum TrackerFiles {
  private static let names: Set<String> = ["latest_checkpointed_iteration.txt", "latest_train_state.pt"]

  package static func contains(_ path: String) -> Bool { names.contains(path) }
}
