import MimoParallel
import MimoSystem

extension ConvertOptions {
  /// The asked layout, solved for the components that the plugin declares; nil for a Hugging Face folder.
  func cluster(declared: [ClusterLayout.Declared]) throws(MimoError) -> ClusterLayout? {
    switch layoutRequest {
    case nil: nil
    case .mimo(let components): try .solve(components, declared: declared, worldSize: worldSize)
    case .single(let request): try .single(request, worldSize: worldSize)
    }
  }
}
