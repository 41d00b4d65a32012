use proptest::prelude::*;

use super::*;

fn bytes(most: usize) -> impl Strategy<Value = Bytes> {
    proptest::collection::vec(any::<u8>(), 0..most).prop_map(Bytes::from)
}

fn attributes() -> impl Strategy<Value = Attributes> {
    (any::<Option<u64>>(), any::<Option<(u32, u32)>>(), any::<Option<u32>>(), any::<Option<(u32, u32)>>())
        .prop_map(|(size, owner, permissions, times)| Attributes { size, owner, permissions, times })
}

fn request() -> impl Strategy<Value = Request> {
    let id = any::<u32>();
    prop_oneof![
        any::<u32>().prop_map(|version| Request::Init { version }),
        (id, bytes(40), any::<u32>(), attributes()).prop_map(|(id, path, flags, attributes)| Request::Open {
            id,
            path,
            flags: OpenFlags(flags),
            attributes
        }),
        (id, bytes(9)).prop_map(|(id, handle)| Request::Close { id, handle }),
        (id, bytes(9), any::<u64>(), any::<u32>()).prop_map(|(id, handle, offset, length)| Request::Read {
            id,
            handle,
            offset,
            length
        }),
        (id, bytes(9), any::<u64>(), bytes(900)).prop_map(|(id, handle, offset, data)| Request::Write {
            id,
            handle,
            offset,
            data
        }),
        (id, bytes(9), attributes()).prop_map(|(id, handle, attributes)| Request::Fsetstat { id, handle, attributes }),
        (id, bytes(40)).prop_map(|(id, path)| Request::Mkdir { id, path }),
        (id, bytes(40), bytes(40)).prop_map(|(id, from, to)| Request::Rename { id, from, to }),
        (id, bytes(40), bytes(40)).prop_map(|(id, from, to)| Request::PosixRename { id, from, to }),
        (id, bytes(40)).prop_map(|(id, path)| Request::Statvfs { id, path }),
        (id, bytes(9)).prop_map(|(id, handle)| Request::Fsync { id, handle }),
        id.prop_map(|id| Request::Limits { id }),
    ]
}

fn only_packet(bytes: &[u8]) -> (u8, Bytes) {
    let mut packets = Packets::default();
    packets.push(bytes);
    let packet = packets.next_packet().unwrap().unwrap();
    assert_eq!(packets.next_packet().unwrap(), None);
    packet
}

proptest! {
    #[test]
    fn requests_read_what_they_write(request in request()) {
        let (kind, rest) = only_packet(&request.write());
        prop_assert_eq!(Request::read(kind, rest).unwrap(), request);
    }

    #[test]
    fn a_request_cut_or_lengthened_is_an_error(request in request(), cut in any::<prop::sample::Index>()) {
        prop_assume!(!matches!(request, Request::Init { .. }));
        let (kind, rest) = only_packet(&request.write());
        let at = cut.index(rest.len());
        let read = Request::read(kind, rest.slice(..at));
        // An extension whose name was cut is simply unknown; nothing else may pass.
        prop_assert!(read.is_err() || matches!(read, Ok(Request::Other { .. })), "{:?}", read);
        let longer = Bytes::from([&rest[..], b"x"].concat());
        prop_assert_eq!(Request::read(kind, longer), Err(CodecError::Long(kind)));
    }

    #[test]
    fn packets_come_out_however_the_stream_is_cut(requests in proptest::collection::vec(request(), 1..6),
                                                   step in 1usize..50) {
        let stream: Vec<u8> = requests.iter().flat_map(|r| r.write()).collect();
        let mut packets = Packets::default();
        let mut read = Vec::new();
        for piece in stream.chunks(step) {
            packets.push(piece);
            while let Some((kind, rest)) = packets.next_packet().unwrap() {
                read.push(Request::read(kind, rest).unwrap());
            }
        }
        prop_assert_eq!(read, requests);
    }

    #[test]
    fn noise_is_never_a_panic(stream in proptest::collection::vec(any::<u8>(), 0..300), kind: u8) {
        let mut packets = Packets::default();
        packets.push(&stream);
        while let Ok(Some((kind, rest))) = packets.next_packet() {
            let _ = Request::read(kind, rest.clone());
            let _ = Response::read(kind, rest);
        }
        let rest = Bytes::from(stream);
        let _ = Request::read(kind, rest.clone());
        let _ = Response::read(kind, rest);
    }
}

#[test]
fn answers_read_what_they_write() {
    let attributes =
        Attributes { size: Some(5), owner: Some((1, 2)), permissions: Some(0o100600), times: Some((3, 4)) };
    let name = Name { name: "é".into(), long_name: "-rw é".into(), attributes };
    for answer in [
        Response::Version(3, vec![("a".into(), "1".into())]),
        Response::Status { id: 7, code: 4, message: "non".into() },
        Response::Handle { id: 7, handle: "h".into() },
        Response::Data { id: 7, data: vec![9; DATA_LIMIT].into() },
        Response::Names { id: 7, names: vec![name.clone(), name] },
        Response::Attributes { id: 7, attributes },
        Response::Numbers { id: 7, numbers: vec![1, 2, 3] },
    ] {
        let (kind, rest) = only_packet(&answer.write());
        assert_eq!(Response::read(kind, rest).unwrap(), answer);
    }
}

#[test]
fn lengths_outside_the_limit_end_the_stream() {
    for length in [0u32, u32::try_from(PACKET_LIMIT).unwrap() + 1, u32::MAX] {
        let mut packets = Packets::default();
        packets.push(&length.to_be_bytes());
        assert_eq!(packets.next_packet(), Err(CodecError::Length(length)));
    }
    // A count that promises more than the packet holds.
    let (kind, _) = only_packet(&Response::Names { id: 1, names: Vec::new() }.write());
    let rest = Bytes::from([1u32.to_be_bytes(), u32::MAX.to_be_bytes()].concat());
    assert_eq!(Response::read(kind, rest), Err(CodecError::Short(kind)));
}
