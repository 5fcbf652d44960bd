import MimoSystem

/// Carries out `mimo-host plugin describe`.
func run(_ options: PluginDescribeOptions) throws(MimoError) {
  throw MimoError(.internalError, "plugin describe is not built yet")
}
