import MimoContainers
import MimoSystem
import MimoTensor
import Testing

@Suite struct SafeTensorsHeaderTests {
  @Test func tensorsAreReadInTheOrderOfTheirBytes() throws {
    let scratch = try CheckpointScratch()
    let json =
      #"{"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[4,16]},"__metadata__":{"format":"pt"},"#
      + #""a":{"shape":[],"data_offsets":[0,4],"dtype":"F32"},"empty":{"dtype":"I64","shape":[0,5],"data_offsets":[4,4]}}  "#
    try scratch.writeSafeTensors(json, dataBytes: 16, to: "a")
    let header = try SafeTensorsHeader.parse(File.openForReading(scratch("a")))
    let start = 8 + UInt64(json.utf8.count)
    #expect(header.entries.map(\.name) == ["a", "empty", "b"])
    #expect(header.entries.map(\.range) == [start..<start + 4, start + 4..<start + 4, start + 4..<start + 16])
    #expect(header.entries[2].dtype == .bf16 && header.entries[2].shape == GlobalShape([2, 3]))
    #expect(header.metadata == [.init("format", "pt")])
    #expect(header.padding == 2)
    #expect(header.foreignSpelling != nil, "another program's order is kept")
    #expect(header.encoded() == Array(try FileSystem.readSmallFile(scratch("a")).prefix(Int(start))))
  }

  @Test func anEmptyFileHasNoTensors() throws {
    let scratch = try CheckpointScratch()
    try scratch.writeSafeTensors("{}", dataBytes: 0, to: "a")
    let header = try SafeTensorsHeader.parse(File.openForReading(scratch("a")))
    #expect(header.entries.isEmpty && header.metadata == nil && header.fileSize == 10)
  }

  /// Each rule of the format, broken alone. The data has 8 bytes.
  @Test(
    arguments: [
      (
        #"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}}"#,
        "w", "twice"
      ),
      (#"{"w":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}"#, "w", #"unknown dtype "F31""#),
      (#"{"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, "w", "takes 12 bytes"),
      (#"{"w":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#, "w", "expected a dimension, found '-'"),
      (#"{"w":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}"#, "w", "not an integer"),
      (#"{"w":{"dtype":"F32","shape":[02],"data_offsets":[0,8]}}"#, "w", "leading zero"),
      (#"{"w":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}"#, "w", "no size in whole bytes"),
      (#"{"w":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}}"#, "w", "too large"),
      (#"{"w":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,8]}}"#, "w", "too large"),
      (
        #"{"w":{"dtype":"F4","shape":[3],"data_offsets":[0,2]},"v":{"dtype":"U8","shape":[6],"data_offsets":[2,8]}}"#,
        "w", "no size in whole bytes"
      ),
      (#"{"w":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,8]}}"#, "w", "more than 8 dimensions"),
      (#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, "w", "run backwards"),
      (#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0]}}"#, "w", "expected ','"),
      (#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}"#, "w", "expected ']'"),
      (#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}"#, "w", #"unknown key "x""#),
      (#"{"w":{"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]}}"#, "w", #""shape" occurs twice"#),
      (#"{"w":{"dtype":"F32","shape":[2]}}"#, "w", "data_offsets is missing"),
      (#"{"w":{"dtype":"F32","data_offsets":[0,8]}}"#, "w", "shape is missing"),
      (#"{"w":{"shape":[2],"data_offsets":[0,8]}}"#, "w", "dtype is missing"),
      (#"{"w":[]}"#, "w", "expected an object"),
      (
        #"{"v":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"w":{"dtype":"U8","shape":[5],"data_offsets":[3,8]}}"#,
        "w", "1 bytes between it and tensor v"
      ),
      (
        #"{"v":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"w":{"dtype":"U8","shape":[5],"data_offsets":[3,8]}}"#,
        "w", "overlaps tensor v"
      ),
      (#"{"w":{"dtype":"U8","shape":[7],"data_offsets":[1,8]}}"#, "w", "the beginning of the data"),
      (#"{"w":{"dtype":"U8","shape":[7],"data_offsets":[0,7]}}"#, "w", "1 bytes after the last tensor"),
      (#"{"w":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}"#, "w", "1 bytes beyond the end"),
      (
        #"{"w":{"dtype":"U8","shape":[1],"data_offsets":[18446744073709551614,18446744073709551615]}}"#, "w",
        "belong to no tensor"
      ),
      (#"{}"#, nil, "8 bytes after the last tensor"),
      (
        #"{"__metadata__":{"a":1},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, nil,
        #"value of "a" in __metadata__ is not a string"#
      ),
      (
        #"{"__metadata__":{"a":"","a":""},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, nil,
        #""a" occurs twice"#
      ),
      (
        #"{"__metadata__":{},"__metadata__":{},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, nil,
        "occurs twice"
      ),
      (#" {"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, nil, "must begin with '{'"),
      (#"[1,2,3,4]"#, nil, "must begin with '{'"),
      (#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} x"#, nil, "nothing more"),
      (#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#, nil, "ends too early"),
    ] as [(String, String?, String)])
  func aBrokenRuleIsRefusedWithTensorAndReason(_ json: String, _ tensor: String?, _ reason: String) throws {
    let scratch = try CheckpointScratch()
    let path = scratch("model.safetensors")
    try scratch.writeSafeTensors(json, dataBytes: 8, to: "model.safetensors")
    let error = try #require(
      refusal { () throws(MimoError) in _ = try SafeTensorsHeader.parse(File.openForReading(path)) })
    #expect(error.code == .invalidInput)
    #expect(error.path == path)
    #expect(error.tensor == tensor)
    #expect(error.message.contains(reason), "\(error)")
    #expect(error.byte != nil || reason.contains("belong to no tensor"))
  }

  @Test func theByteOfAnErrorIsThatOfTheFile() throws {
    let scratch = try CheckpointScratch()
    let path = scratch("a")
    try scratch.writeSafeTensors(#"{"w":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}"#, dataBytes: 8, to: "a")
    let error = refusal { () throws(MimoError) in _ = try SafeTensorsHeader.parse(File.openForReading(path)) }
    let place: UInt64 = 8 + 14
    #expect(error?.byte == place)
  }

  @Test(
    arguments: [
      ([], "not even a header length"), ([1, 2, 3], "not even a header length"),
      ([1, 0, 0, 0, 0, 0, 0, 0, 0x7B], "too small"), ([9, 0, 0, 0, 0, 0, 0, 0, 0x7B], "beyond the end of the file"),
      ([0x01, 0xE1, 0xF5, 0x05, 0, 0, 0, 0, 0x7B], "above the limit of 100000000"),
      ([255, 255, 255, 255, 255, 255, 255, 255, 0x7B], "above the limit"),
    ] as [([UInt8], String)])
  func aBrokenLengthIsRefused(_ bytes: [UInt8], _ reason: String) throws {
    let scratch = try CheckpointScratch()
    try scratch.write(bytes, to: "a")
    let path = scratch("a")
    let error = refusal { () throws(MimoError) in _ = try SafeTensorsHeader.parse(File.openForReading(path)) }
    #expect(error?.message.contains(reason) == true)
    #expect(error?.path == path)
  }

  @Test func aNewHeaderReadsBackAsItWasLaidOut() throws {
    let tensors =
      DType.allCases.map { TensorSpec(name: "t \"\($0.rawValue)\" é\n", dtype: $0, shape: GlobalShape([4, 2])) }
      + [TensorSpec(name: "scalar", dtype: .f32, shape: GlobalShape([]))]
    let (header, bytes) = try SafeTensorsHeader.lay(out: tensors, metadata: [.init("format", "pt"), .init("é", "\\")])
    #expect(bytes.count % 8 == 0 && UInt64(bytes.count) == header.dataStart)
    #expect(header.encoded() == bytes)
    let read = try bytes[8...].withUnsafeBytes { json in
      capture { () throws(MimoError) in try SafeTensorsHeader.parse(json: json, spacesAfter: 0, fileSize: header.fileSize, path: nil) }
    }.get()
    #expect(read == header)
  }

  @Test func namesThatCanNotBeWrittenAreRefused() {
    let tensor = TensorSpec(name: "w", dtype: .f32, shape: GlobalShape([1]))
    let reserved = TensorSpec(name: "__metadata__", dtype: .f32, shape: GlobalShape([1]))
    for tensors in [[tensor, tensor], [reserved]] {
      #expect(refusal { () throws(MimoError) in _ = try SafeTensorsHeader.lay(out: tensors) } != nil)
    }
  }

  @Test func theLibraryOrderIsByAlignmentThenName() {
    let specs = [("b", DType.bf16), ("a", .bf16), ("z", .i64), ("y", .f32), ("x", .u8), ("w", .f64), ("é", .bf16)].map {
      TensorSpec(name: $0.0, dtype: $0.1, shape: GlobalShape([1]))
    }
    #expect(TensorSpec.libraryOrder(specs).map(\.name) == ["z", "w", "y", "a", "b", "é", "x"])
  }

  /// The order in which safetensors 0.8.0 wrote one tensor of each dtype that its Python side has.
  @Test func theDtypesAreOrderedAsInTheLibrary() {
    let library = [
      "U64", "I64", "F64", "C64", "F32", "U32", "I32", "BF16", "F16", "U16", "I16", "F8_E5M2FNUZ", "F8_E4M3FNUZ",
      "F8_E8M0", "F8_E4M3", "F8_E5M2", "I8", "U8", "F4", "BOOL",
    ]
    let specs = library.reversed().compactMap { DType(rawValue: $0) }.map {
      TensorSpec(name: "same", dtype: $0, shape: GlobalShape([2]))
    }
    #expect(TensorSpec.libraryOrder(specs).map(\.dtype.rawValue) == library)
  }

  /// A head that was damaged anywhere is refused, or read as exactly what it says.
  @Test func damagedHeadsAreRefusedOrReadExactly() throws {
    let specs = [("a", DType.f32, 2), ("b", .bf16, 3), ("é\"", .u8, 0)].map {
      TensorSpec(name: $0.0, dtype: $0.1, shape: GlobalShape([$0.2, 1]))
    }
    let (header, bytes) = try SafeTensorsHeader.lay(out: specs, metadata: [.init("format", "pt")])
    let fileSize = header.fileSize
    var random = SplitMix64(state: 7)
    var accepted = 0
    for _ in 0..<4000 {
      var json = Array(bytes[8...])
      for _ in 0..<Int.random(in: 1...2, using: &random) {
        let position = Int.random(in: 0..<json.count, using: &random)
        json[position] =
          Bool.random(using: &random)
          ? UInt8.random(in: 0...255, using: &random) : json.randomElement(using: &random) ?? 0
      }
      let result = json.withUnsafeBytes { buffer in
        capture { () throws(MimoError) in
          try SafeTensorsHeader.parse(json: buffer, spacesAfter: 0, fileSize: fileSize, path: "damaged")
        }
      }
      switch result {
      case .success(let read):
        accepted += 1
        #expect(Array(read.encoded()[8...]) == json)
        #expect(read.fileSize == fileSize)
      case .failure(let error): #expect(error.code == .invalidInput && error.path == "damaged")
      }
    }
    #expect(accepted > 0 && accepted < 3000)
  }

  @Test(
    .enabled(if: Golden.isPresent, "the golden checkpoints are not beside the package"), arguments: Golden.safeTensors)
  func goldenHeadersAreWrittenAgainByteForByte(_ name: String) throws {
    let file = try File.openForReading(FileSystem.join(Golden.folder, name))
    let header = try SafeTensorsHeader.parse(file)
    #expect(header.foreignSpelling == nil)
    var original = [UInt8](repeating: 0, count: Int(header.dataStart))
    try original.withUnsafeMutableBytes { buffer in
      capture { () throws(MimoError) in try file.read(into: buffer, at: 0) }
    }.get()
    #expect(header.encoded() == original)
    // The library's own order, and its padding, give the same file.
    let again = try SafeTensorsHeader.lay(
      out: TensorSpec.libraryOrder(header.tensors.reversed()), metadata: header.metadata)
    #expect(again.bytes == original)
    #expect(again.header == header)
  }
}
