import MimoSystem
import MimoVerify

/// Carries out `mimo-host inspect`.
func run(_ options: InspectOptions) throws(MimoError) {
  let path = try checkpoint(options.path)
  let sources = SourceFolders([path], followLinks: options.followsLinks)
  defer { sources.letGo() }
  let inspection = try Inspection(path)
  if options.json {
    try Console.printResult(inspection.json)
  } else {
    try Console.printResult(InspectionText(inspection).text)
  }
}
