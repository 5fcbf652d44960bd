import AlgebraSupport
import MimoTensor
import Testing

@Suite struct DimVectorTests {
  @Test func behavesLikeAnArray() {
    for seed in 0..<200 {
      var random = Seeded(seed)
      var plain: [Int] = []
      var vector = DimVector()
      for _ in 0..<20 {
        let number = random.number(-5...5)
        switch random.number(0...3) {
        case 0 where plain.count < DimVector.capacity:
          plain.append(number)
          vector.append(number)
        case 1 where plain.count < DimVector.capacity:
          let index = random.number(0...plain.count)
          plain.insert(number, at: index)
          vector.insert(number, at: index)
        case 2 where !plain.isEmpty:
          let index = random.number(0...(plain.count - 1))
          plain.remove(at: index)
          vector.remove(at: index)
        case 3 where !plain.isEmpty:
          let index = random.number(0...(plain.count - 1))
          plain[index] = number
          vector[index] = number
        default: break
        }
      }
      #expect(Array(vector) == plain, "seed \(seed)")
      #expect(Set([vector, AlgebraSupport.vector(plain)]).count == 1, "seed \(seed): what was removed must not count")
      #expect(vector.description == plain.description, "seed \(seed)")
    }
  }

  @Test func holdsEightNumbersAndNoMore() {
    #expect(DimVector(exactly: 0..<8)?.count == 8)
    #expect(DimVector(exactly: 0..<9) == nil)
  }

  @Test func lengthsAreTold() {
    #expect(vector([1, 0]) != vector([1]))
    #expect(DimVector(repeating: 3, count: 2) == [3, 3])
  }
}

@Suite struct ShapeTests {
  @Test(arguments: [
    ([], 1), ([3, 4], 12), ([3, 0, 4], 0), ([.max, 2], nil), ([-1, 4], nil), ([-2, -3], nil),
  ] as [([Int], Int?)])
  func elementsAreCountedWithCare(_ dims: [Int], count: Int?) {
    #expect(shape(dims).elementCount == count)
    #expect(LocalShape(vector(dims)).elementCount == count)
  }

  @Test func stridesLeadToRowMajorPositions() {
    for seed in 0..<100 {
      var random = Seeded(seed)
      let dims = random.dims(rank: 0...5, extent: 1...4)
      let strides = rowMajorStrides(vector(dims))
      #expect(indices(dims).map { dot($0, strides) } == Array(0..<dims.reduce(1, *)), "seed \(seed)")
    }
  }
}
