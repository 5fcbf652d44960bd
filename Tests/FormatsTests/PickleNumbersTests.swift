import MimoContainers
import MimoTensor
import Testing

/// Tensors without dimensions as the numbers that they are.
@Suite struct PickleNumbersTests {
  @Test(arguments: [
    (DType.i64, [0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], PickleValue.int(-2)), (.i32, [0xFE, 0xFF, 0xFF, 0xFF], .int(-2)),
    (.i16, [0x01, 0x80], .int(-32767)), (.i8, [0x80], .int(-128)), (.u8, [0x80], .int(128)), (.bool, [1], .bool(true)),
    (.f32, [0, 0, 0xE0, 0x40], .float(7)), (.f64, [0, 0, 0, 0, 0, 0, 0x1C, 0x40], .float(7)),
  ] as [(DType, [UInt8], PickleValue)])
  func aTensorWithoutDimensionsIsItsNumber(dtype: DType, bytes: [UInt8], number: PickleValue) throws {
    let tensor = try PickleValue.tensor(dtype: dtype, dims: [], storage: 1)
    let value = PickleValue.record(["a": .list([tensor, .string("x")]), "b": .tuple([.dict([PicklePair(.int(3), tensor)])])])
    let expected = PickleValue.record(["a": .list([number, .string("x")]), "b": .tuple([.dict([PicklePair(.int(3), number)])])])
    #expect(value.withNumbers(from: [[9], bytes]) == expected)
  }

  @Test func otherTensorsAreNone() throws {
    let vector = try PickleValue.tensor(dtype: .f32, dims: [2], storage: 0)
    #expect(PickleValue.list([vector]).withNumbers(from: [[UInt8](repeating: 0, count: 8)]) == nil)
    let half = try PickleValue.tensor(dtype: .bf16, dims: [], storage: 0)
    #expect(half.withNumbers(from: [[0, 0]]) == nil)
    let scalar = try PickleValue.tensor(dtype: .f32, dims: [], storage: 0)
    #expect(scalar.withNumbers(from: []) == nil && scalar.withNumbers(from: [[0, 0]]) == nil)
    let wrapped = PickleObject(.call, PickleGlobal("some", "Thing"), [.list([scalar])])
    #expect(PickleValue.object(wrapped).withNumbers(from: [[0, 0, 0, 0]]) == nil)
  }

  @Test func objectsWithoutTensorsStayWhatTheyAre() {
    let names = PickleObject(.new, PickleGlobal("argparse", "Namespace"), state: .record(["a": .int(1)]))
    #expect(PickleValue.object(names).withNumbers(from: []) == .object(names))
  }
}
