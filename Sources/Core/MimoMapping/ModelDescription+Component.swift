extension ModelDescription {
  /// One component alone, as if the model had no other: its targets, and the sources that they are made of.
  package func keeping(component: Int) -> ModelDescription {
    var result = self
    var places: [Int: Int] = [:]
    var sourcePlaces = [Int?](repeating: nil, count: sources.count)
    result.sources = []
    result.targets = []
    for (index, var target) in targets.enumerated() where target.component == component {
      target.component = 0
      for number in target.fragments.indices {
        guard let source = target.fragments[number].source else { continue }
        let place = sourcePlaces[source] ?? result.sources.count
        if sourcePlaces[source] == nil { result.sources.append(sources[source]) }
        sourcePlaces[source] = place
        target.fragments[number].source = place
      }
      places[index] = result.targets.count
      result.targets.append(target)
    }
    result.aliases = aliases.compactMap { alias in
      places[alias.target].map { AliasDeclaration(target: $0, name: alias.name) }
    }
    result.stateEntries = stateEntries.filter { $0.component == component }.map { entry in
      var entry = entry
      entry.component = 0
      return entry
    }
    let kept = Set(result.sources.map(\.name))
    result.ties = ties.filter { kept.contains($0.original) }
    let others = zip(sources, sourcePlaces).lazy.filter { $0.1 == nil }.flatMap { $0.0.storedNames }
    result.otherSources = Set(others).union(ties.lazy.filter { !kept.contains($0.original) }.map(\.duplicate))
    return result
  }
}
