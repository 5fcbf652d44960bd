/// Values, with CPython's habits: every object that CPython would remember is remembered, in the same order, so that
/// what torch.save writes for the same data comes out byte for byte.
extension PickleWriter {
  /// Entries that one MARK may have before it, as in CPython's `_BATCHSIZE`.
  private static var batch: Int { 1000 }

  package mutating func value(_ value: PickleValue) {
    switch value {
    case .none: none()
    case .bool(let flag): bool(flag)
    case .int(let number): int(number)
    case .bigInt(let digits): bigInt(digits)
    case .float(let number): float(number)
    case .string(let text): string(text)
    case .bytes(let data): latin1(data)
    case .tuple(let items): tuple(items)
    case .list(let items):
      op(.emptyList)
      put()
      append(items)
    case .set(let items):
      global(PickleGlobal("__builtin__", "set"))
      self.value(.list(items))
      op(.tuple1)
      put()
      op(.reduce)
      put()
    case .dict(let pairs):
      op(.emptyDict)
      put()
      set(pairs)
    case .global(let name): global(name)
    case .object(let made): object(made)
    case .persistentID(let id):
      self.value(id)
      op(.binPersID)
    }
  }

  private mutating func tuple(_ items: [PickleValue]) {
    if items.count > 3 { op(.mark) }
    for item in items { value(item) }
    tupleEnd(items.count)
    if !items.isEmpty { put() }
  }

  private mutating func append(_ items: [PickleValue]) {
    inBatches(items, one: .append, many: .appends) { writer, item in writer.value(item) }
  }

  private mutating func set(_ pairs: [PicklePair]) {
    inBatches(pairs, one: .setItem, many: .setItems) { writer, pair in
      writer.value(pair.key)
      writer.value(pair.value)
    }
  }

  private mutating func inBatches<Item>(
    _ items: [Item], one: PickleOpcode, many: PickleOpcode, write: (inout PickleWriter, Item) -> Void
  ) {
    for start in stride(from: 0, to: items.count, by: Self.batch) {
      if items.count > 1 { op(.mark) }
      for item in items[start..<min(start + Self.batch, items.count)] { write(&self, item) }
      op(items.count > 1 ? many : one)
    }
  }

  private mutating func object(_ object: PickleObject) {
    global(object.callable)
    tuple(object.arguments)
    op(object.creation == .call ? .reduce : .newObj)
    put()
    append(object.listItems)
    set(object.dictItems)
    if let state = object.state {
      value(state)
      op(.build)
    }
  }

  /// Protocol 2 has no bytes: Python writes `_codecs.encode(text, "latin1")`.
  private mutating func latin1(_ data: [UInt8]) {
    object(
      PickleObject(
        .call, PickleGlobal("_codecs", "encode"),
        [.string(String(String.UnicodeScalarView(data.map { Unicode.Scalar($0) }))), .string("latin1")]))
  }
}
