import MimoEngine
import MimoSystem

/// Carries out `mimo-host inspect`.
func run(_ options: InspectOptions) throws(MimoError) {
  let inspection = try Inspection(absolute(options.path))
  if options.json {
    try Console.printResult(inspection.json)
  } else {
    try Console.printResult(InspectionText(inspection).text)
  }
}
