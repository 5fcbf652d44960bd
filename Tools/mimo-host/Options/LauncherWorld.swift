import Glibc

/// The number of processes that a launcher says it started.
enum LauncherWorld {
  /// What the processes of a launcher are told: its variable of their number, and those that it sets in them alone.
  ///
  /// A number without the others counts for nothing: container images set WORLD_SIZE, and sbatch scripts have SLURM_NTASKS.
  /// Sources: torchrun, srun(1), Open MPI and MPICH (Hydra, also Intel MPI's) documentation of environment variables.
  private static let launchers: [(size: String, marks: [String])] = [
    ("WORLD_SIZE", ["RANK", "LOCAL_RANK"]),
    ("OMPI_COMM_WORLD_SIZE", ["OMPI_COMM_WORLD_RANK"]),
    ("PMI_SIZE", ["PMI_RANK"]),
    ("SLURM_STEP_NUM_TASKS", ["SLURM_PROCID", "SLURM_STEP_ID"]),
  ]

  /// nil outside a launcher.
  static func size(of environment: (String) -> String? = variable) -> Int? {
    for launcher in launchers where launcher.marks.allSatisfy({ environment($0) != nil }) {
      if let size = environment(launcher.size).flatMap({ Int($0) }), size > 0 { return size }
    }
    return nil
  }

  private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
