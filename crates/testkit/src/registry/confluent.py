"""Confluent's serializers behind a pipe: a request a line comes in, its answer goes out."""

import json
import sys

from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

registry = SchemaRegistryClient({"url": sys.argv[1]})


def schema(request):
    """The schema of a request for Avro or JSON."""
    references = [SchemaReference(**it) for it in request.get("references", [])]
    return Schema(request["schema"], request["format"], references)


def message_class(request):
    """The class of a message, as protoc would have made it of the file."""
    file = json_format.ParseDict(request["file"], descriptor_pb2.FileDescriptorProto())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(request["message"]))


def serialize(request, context):
    conf = {"subject.name.strategy.type": request["strategy"]}
    value = request["value"]
    if request["format"] == "AVRO":
        write = AvroSerializer(registry, schema(request), conf=conf)
    elif request["format"] == "JSON":
        write = JSONSerializer(schema(request), registry, conf=conf)
    else:
        kind = message_class(request)
        value = json_format.ParseDict(value, kind())
        write = ProtobufSerializer(kind, registry, conf)
    return write(value, context).hex()


def deserialize(request, context):
    data = bytes.fromhex(request["bytes"])
    if request["format"] == "AVRO":
        return AvroDeserializer(registry)(data, context)
    if request["format"] == "JSON":
        return JSONDeserializer(None, schema_registry_client=registry)(data, context)
    kind = message_class(request)
    # It asks a registry for a compiled file, which not every registry makes of a text.
    asks = registry if request["asks"] else None
    read = ProtobufDeserializer(kind, {}, asks)(data, context)
    return json_format.MessageToDict(read, preserving_proto_field_name=True)


for line in sys.stdin:
    asked = json.loads(line)
    try:
        at = SerializationContext(asked["topic"], asked["part"])
        answer = {"ok": {"serialize": serialize, "deserialize": deserialize}[asked["do"]](asked, at)}
    except Exception as error:  # Whatever it is, the test that asked has to see it.
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
