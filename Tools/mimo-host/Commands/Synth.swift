import MimoSystem

/// Carries out `mimo-host synth`.
func run(_ options: SynthOptions) throws(MimoError) {
  throw MimoError(.internalError, "synth is not built yet")
}
