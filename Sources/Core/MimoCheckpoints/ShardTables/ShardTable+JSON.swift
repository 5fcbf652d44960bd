import MimoJSON
import MimoParallel
import MimoSystem
import MimoTensor

/// The table as a file: `{"schema": 1, "shards": [{"name", "rank", "global_shape", "local_shape", "offset"}]}`.
extension ShardTable {
  package static let schemaVersion = 1

  package var json: JSONValue {
    .object(["schema": .integer(ShardTable.schemaVersion), "shards": .array(shards.map(\.json))])
  }

  /// A line a shard, under a line of titles.
  package var tsv: String {
    let lines = shards.map { shard in
      let dims = [shard.globalShape.dims, shard.localShape.dims, shard.offset]
      return ([shard.name, "\(shard.rank)"] + dims.map { $0.map(String.init).joined(separator: ",") })
        .joined(separator: "\t") + "\n"
    }
    return "name\trank\tglobal_shape\tlocal_shape\toffset\n" + lines.joined()
  }

  /// Reads a table that a running job exported.
  package init(path: String) throws(MimoError) {
    let document = try JSONParser.parse(file: path, limit: 1 << 30)
    if let version = document["schema"], version.integer != ShardTable.schemaVersion {
      throw MimoError(.unsupported, "schema is not \(ShardTable.schemaVersion)", path: path)
    }
    guard let entries = document["shards"]?.array else {
      throw MimoError(
        .invalidInput, "there is no list of shards", path: path, remedy: "See mimo-host shards --json for the form")
    }
    var shards: [Shard] = []
    shards.reserveCapacity(entries.count)
    for (place, entry) in entries.enumerated() {
      do throws(MimoError) { shards.append(try Shard(entry)) } catch {
        throw MimoError(
          .invalidInput, "shard \(place): \(error.message)", path: path, tensor: entry["name"]?.string,
          remedy: "See mimo-host shards --json for the form")
      }
    }
    self.init(shards)
  }
}

extension ShardTable.Shard {
  fileprivate var json: JSONValue {
    func numbers(_ dims: DimVector) -> JSONValue { .array(dims.map { .integer($0) }) }
    return .object([
      "name": .string(name), "rank": .integer(rank), "global_shape": numbers(globalShape.dims),
      "local_shape": numbers(localShape.dims), "offset": numbers(offset),
    ])
  }

  fileprivate init(_ json: JSONValue) throws(MimoError) {
    guard let name = json["name"]?.string, let rank = json["rank"]?.integer else {
      throw MimoError(.invalidInput, "name or rank is missing")
    }
    func dims(_ key: String) throws(MimoError) -> DimVector {
      let numbers = json[key]?.array?.map { $0.integer.flatMap { (0..<1 << 56).contains($0) ? $0 : nil } }
      guard let numbers, !numbers.contains(nil), let dims = DimVector(exactly: numbers.compactMap { $0 }) else {
        throw MimoError(.invalidInput, "\(key) is no list of sizes")
      }
      return dims
    }
    self.init(
      name: name, rank: rank, globalShape: GlobalShape(try dims("global_shape")),
      localShape: LocalShape(try dims("local_shape")), offset: try dims("offset"))
    guard region.isInside(globalShape) else {
      throw MimoError(.invalidInput, "\(localShape) at \(offset) is no part of \(globalShape)")
    }
  }
}
