/// The answers that are the same from the start to the end.
struct FixedResponses {
    let landing: Response
    let healthy = Response(.ok, Endpoint.Page(sentence: "Healthy."))
    let ready = Response(.ok, Endpoint.Page(sentence: "Ready."))
    let noPageYet = Response(
        .serviceUnavailable,
        Endpoint.Page(sentence: "There is no sample yet; the first comes within seconds."),
        headers: [("Retry-After", "1")]
    )
    let stale: Response
    let notFound: Response
    let methodNotAllowed = Response(
        .methodNotAllowed,
        Endpoint.Page(sentence: "Only GET and HEAD are answered here."),
        headers: [("Allow", "GET, HEAD")]
    )

    init(_ settings: Endpoint.Settings) {
        landing = Response(.ok, settings.landingPage)
        stale = Response(
            .serviceUnavailable,
            Endpoint.Page(
                sentence: "The newest sample is older than \(settings.maximumAge), which is the most that is allowed."
            )
        )
        notFound = Response(
            .notFound,
            Endpoint.Page(sentence: "There is nothing here; the metrics are at \(settings.telemetryPath.text).")
        )
    }
}
