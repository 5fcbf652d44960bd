import MimoSystem

/// Carries out `mimo-host verify`.
func run(_ options: VerifyOptions) throws(MimoError) {
  throw MimoError(.internalError, "verify is not built yet")
}
