import MimoSystem

/// Carries out `mimo-host plan`.
func run(_ options: PlanOptions) throws(MimoError) {
  throw MimoError(.internalError, "plan is not built yet")
}
