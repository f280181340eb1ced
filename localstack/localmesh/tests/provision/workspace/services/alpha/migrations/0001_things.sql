CREATE TABLE things (id bigint PRIMARY KEY, meaning halfvec(3));
