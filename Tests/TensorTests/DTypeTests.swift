import MimoTensor
import Testing

@Suite struct DTypeTests {
  @Test(arguments: [
    (DType.bool, 8), (.f4, 4), (.f6e2m3, 6), (.f6e3m2, 6), (.u8, 8), (.i8, 8), (.f8e5m2, 8), (.f8e4m3, 8),
    (.f8e8m0, 8), (.f8e4m3fnuz, 8), (.f8e5m2fnuz, 8), (.i16, 16), (.u16, 16), (.f16, 16), (.bf16, 16), (.i32, 32),
    (.u32, 32), (.f32, 32), (.c64, 64), (.f64, 64), (.i64, 64), (.u64, 64),
  ])
  func bitsOfAnElement(_ type: DType, bits: Int) {
    #expect(type.bitWidth == bits)
    #expect(type.byteWidth == (bits < 8 ? nil : bits / 8))
  }

  @Test func everyTypeOfTheFormatIsThere() {
    let names = [
      "BOOL", "F4", "F6_E2M3", "F6_E3M2", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ",
      "I16", "U16", "F16", "BF16", "I32", "U32", "F32", "C64", "F64", "I64", "U64",
    ]
    #expect(DType.allCases.map(\.rawValue).sorted() == names.sorted())
  }

  @Test(arguments: [
    (DType.bf16, 3, 6), (.f4, 2, 1), (.f6e2m3, 4, 3), (.f6e2m3, 8, 6), (.c64, 5, 40), (.u8, 0, 0), (.f4, 3, nil),
    (.f6e3m2, 2, nil), (.i64, .max, nil), (.bf16, .max / 16, (Int.max / 16) * 2), (.u8, -1, nil),
  ] as [(DType, Int, Int?)])
  func bytesAreWholeOrRefused(_ type: DType, elements: Int, bytes: Int?) {
    #expect(type.byteCount(elements: elements) == bytes)
  }
}
