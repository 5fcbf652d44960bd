import MimoSystem

/// Carries out `mimo-host convert`.
func run(_ options: ConvertOptions) throws(MimoError) {
  throw MimoError(.internalError, "convert is not built yet")
}
