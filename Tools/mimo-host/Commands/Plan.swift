import MimoCheckpoints
import MimoConversion
import MimoSystem

/// Carries out `mimo-host plan`.
func run(_ options: PlanOptions) throws(MimoError) {
  let conversion = try options.conversion.findingCheckpoints()
  let ledger = try ledger(of: conversion)
  try show(ledger, conversion.run)
  if conversion.strict { try ledger.concerns.refuse(path: conversion.request.source) }
}

/// Prints what would be done as the user wants it.
func show(_ ledger: Ledger, _ options: RunOptions) throws(MimoError) {
  if options.json {
    try Console.printResult(ledger.json)
  } else {
    try Console.printResult(LedgerText(ledger).text)
  }
}

private func ledger(of options: ConvertOptions) throws(MimoError) -> Ledger {
  var request = options.request
  request.budget.isForShow = true
  let sources = request.sources
  defer { sources.letGo() }
  try SourceFiles.check(request)
  let plugin = try loadPlugin(options.plugin, options.pluginTimeout)
  guard let format = options.importFormat else {
    let from = try options.exportSource(plugin)
    return Ledger(try ExportPlan(request, from: from, plugin: plugin), request: request)
  }
  // A file is a config alone; a folder may be anything.
  let from = try FileSystem.isDirectory(request.source) ? try options.importSource() : .hf
  guard from == .hf else {
    return Ledger(try ReshardPlan(request, to: format, from: from, plugin: plugin), request: request)
  }
  let source = try ImportSource.forPlanning(request.source)
  return Ledger(try ImportPlan(request, to: format, from: source, plugin: plugin), request: request)
}
