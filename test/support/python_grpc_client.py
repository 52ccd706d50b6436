"""A gRPC client on Python's grpcio: one line of JSON in for each call, lines of JSON out for each answer and the end.

Usage: python3 python_grpc_client.py HOST:PORT FILE-DESCRIPTOR-SET-IN-BASE64 [FILE-OF-CA]
"""

import base64
import json
import sys
import threading

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

address, descriptors, ca = (sys.argv[1:] + [None])[:3]
pool = descriptor_pool.DescriptorPool()
for proto in descriptor_pb2.FileDescriptorSet.FromString(base64.b64decode(descriptors)).file:
    pool.Add(proto)
factory = message_factory.MessageFactory(pool)
unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
if ca is None:
    channel = grpc.insecure_channel(address, unlimited)
else:
    with open(ca, "rb") as file:
        channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(file.read()), unlimited)
output = threading.Lock()


def say(reply):
    with output:
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


def call(id, method, requests, answersMax=None, timeoutMs=None, gzip=False):
    service, name = method.split("/")
    described = pool.FindServiceByName(service).FindMethodByName(name)
    proto = descriptor_pb2.MethodDescriptorProto()
    described.CopyToProto(proto)
    request_class = factory.GetPrototype(described.input_type)
    answer_class = factory.GetPrototype(described.output_type)
    kinds = {(False, False): "unary_unary", (False, True): "unary_stream", (True, False): "stream_unary", (True, True): "stream_stream"}
    make = getattr(channel, kinds[proto.client_streaming, proto.server_streaming])
    rpc = make("/" + method, request_class.SerializeToString, answer_class.FromString)
    messages = [json_format.ParseDict(request, request_class(), descriptor_pool=pool) for request in requests]
    options = {"timeout": None if timeoutMs is None else timeoutMs / 1000}
    if gzip:
        options["compression"] = grpc.Compression.Gzip
    argument = iter(messages) if proto.client_streaming else messages[0]

    def answered(answer):
        say({"id": id, "answer": json_format.MessageToDict(answer, descriptor_pool=pool)})

    try:
        if proto.server_streaming:
            running = rpc(argument, **options)
            for count, answer in enumerate(running, 1):
                answered(answer)
                if count == answersMax:
                    running.cancel()
                    break
        else:
            answered(rpc(argument, **options))
        say({"id": id, "end": {"code": "OK", "message": "", "details": ""}})
    except grpc.RpcError as error:
        details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
        end = {"code": error.code().name, "message": error.details(), "details": base64.b64encode(details).decode()}
        say({"id": id, "end": end})


for line in sys.stdin:
    threading.Thread(target=call, kwargs=json.loads(line), daemon=True).start()
