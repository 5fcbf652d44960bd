import Foundation
import MimoSystem
import Testing

@testable import MimoContainers
@testable import MimoJSON

@Suite struct HubNameTests {
  @Test(arguments: [
    ("Qwen/Qwen3-VL-8B-Instruct", "Qwen/Qwen3-VL-8B-Instruct", nil, "models--Qwen--Qwen3-VL-8B-Instruct"),
    ("models--Qwen--Qwen3-VL-8B-Instruct", "Qwen/Qwen3-VL-8B-Instruct", nil, "models--Qwen--Qwen3-VL-8B-Instruct"),
    ("a_b/c.d@v1.0", "a_b/c.d", "v1.0", "models--a_b--c.d"),
    ("a/b@refs/pr/1", "a/b", "refs/pr/1", "models--a--b"),
    ("models--gpt2@main", "gpt2", "main", "models--gpt2"),
  ] as [(String, String, String?, String)])
  func namesAModel(_ text: String, _ model: String, _ revision: String?, _ folder: String) throws {
    let name = try #require(HubName(text))
    #expect(name.model == model && name.revision == revision && name.folder == folder)
  }

  @Test(arguments: [
    "", "a", "a/", "/a", "a/b/c", "./a", "../a", "a/..", "-a/b", "a/b@", "a/b@../x", "a/b@/x", "a/b@x//y", "a b/c", "é/a",
    "models--", "models--a--b--c", "models--a/b", "models--..--b",
  ])
  func isNoName(_ text: String) { #expect(HubName(text) == nil) }
}

@Suite struct HubCacheTests {
  private static let commit = String(repeating: "0123456789", count: 4)

  /// A cache with one model, whose `main` and `v1/x` are the commit.
  private static func cache(_ folder: borrowing TemporaryFolder) throws -> HubCache {
    let model = FileSystem.join(folder.path, "models--a--b")
    try FileSystem.createDirectories(model + "/snapshots/" + commit)
    try FileSystem.createDirectories(model + "/refs/v1")
    try FileSystem.writeSmallFile(model + "/refs/main", Array(commit.utf8))
    try FileSystem.writeSmallFile(model + "/refs/v1/x", Array((commit + "\n").utf8))
    return HubCache(path: folder.path)
  }

  @Test(arguments: ["a/b", "a/b@main", "a/b@v1/x", "models--a--b", "a/b@" + commit])
  func aModelIsFoundByItsRevision(_ text: String) throws {
    let folder = try TemporaryFolder()
    let cache = try Self.cache(folder)
    #expect(try cache.snapshot(of: #require(HubName(text))) == FileSystem.join(folder.path, "models--a--b/snapshots/" + Self.commit))
  }

  @Test(arguments: [
    ("a/c", ["there is nothing at this path", "hf download a/c"]),
    ("a/b@v2", ["no revision v2", commit, "hf download a/b --revision v2"]),
    ("a/b@broken", ["refs/broken", "holds no commit"]),
    ("a/b@gone", ["no revision gone", commit]),
  ])
  func whatIsNotThereIsSaidWithTheCommand(_ text: String, _ words: [String]) throws {
    let folder = try TemporaryFolder()
    let cache = try Self.cache(folder)
    try FileSystem.writeSmallFile(FileSystem.join(folder.path, "models--a--b/refs/broken"), Array("../../x".utf8))
    try FileSystem.writeSmallFile(FileSystem.join(folder.path, "models--a--b/refs/gone"), Array("abc".utf8))
    let name = try #require(HubName(text))
    let error = try #require(refusal { () throws(MimoError) in _ = try cache.snapshot(of: name) })
    for word in words { #expect(error.description.contains(word), "\(error)") }
  }

  @Test(arguments: [
    (["HF_HUB_CACHE": "/c", "HF_HOME": "/h", "HOME": "/u"], "/c"), (["HF_HOME": "/h", "HOME": "/u"], "/h/hub"),
    (["HF_HOME": "~/h", "HOME": "/u"], "/u/h/hub"), (["HF_HUB_CACHE": "", "HOME": "/u"], "/u/.cache/huggingface/hub"),
    (["XDG_CACHE_HOME": "/x", "HOME": "/u"], "/x/huggingface/hub"), ([:], nil),
  ] as [([String: String], String?)])
  func itsFolderIsTheLibrarys(_ variables: [String: String], _ path: String?) {
    #expect(HubCache { variables[$0] }?.path == path)
  }
}
