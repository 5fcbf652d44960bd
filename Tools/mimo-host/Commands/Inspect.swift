import MimoSystem

/// Carries out `mimo-host inspect`.
func run(_ options: InspectOptions) throws(MimoError) {
  throw MimoError(.internalError, "inspect is not built yet")
}
