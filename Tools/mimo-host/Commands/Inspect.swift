import MimoEngine
import MimoSystem

/// Carries out `mimo-host inspect`.
func run(_ options: InspectOptions) throws(MimoError) {
  let inspection = try Inspection(absolute(options.path))
  if options.json {
    Console.printResult(inspection.json)
  } else {
    Console.printResult(InspectionText(inspection).text)
  }
}
