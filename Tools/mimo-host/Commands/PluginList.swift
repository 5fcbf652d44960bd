import MimoSystem

/// Carries out `mimo-host plugin list`.
func run(_ options: PluginListOptions) throws(MimoError) {
  throw MimoError(.internalError, "plugin list is not built yet")
}
