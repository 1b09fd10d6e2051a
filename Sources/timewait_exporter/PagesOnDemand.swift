import Aggregator
import Endpoint
import Synchronization

/// The latest sample, which the main thread leaves here for those who make pages of it.
final class LatestSample: Sendable {
    private let sample = Mutex(Sample())

    var value: Sample { sample.withLock { $0 } }

    /// Puts a sample in the place of the one before.
    func replace(with new: Sample) {
        // The old one goes out of the lock with its last reference.
        let old = sample.withLock { sample in
            defer { sample = new }
            return sample
        }
        _ = consume old
    }
}

/// The pages that are made of the latest sample when somebody asks for them.
enum PagesOnDemand {
    /// Those that the flags ask for.
    static func all(of latest: LatestSample, version: String, _ serving: ServingSettings) -> [Endpoint.OnDemandPage] {
        serving.hasLandingPage ? [landing(of: latest, version: version, serving)] : []
    }

    /// `/`, and `/?refresh=10`, which loads itself again each ten seconds.
    private static func landing(of latest: LatestSample, version: String, _ serving: ServingSettings)
        -> Endpoint.OnDemandPage
    {
        Endpoint.OnDemandPage(path: "/", arguments: ["refresh": 1...3600]) { arguments in
            LandingPage.content(version: version, telemetryPath: serving.telemetryPath.text)
        }
    }
}
